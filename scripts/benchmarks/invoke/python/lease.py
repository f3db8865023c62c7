"""Calls over a lease from Python, with the SDK's own client, to the worker of $LEASE_ENDPOINT."""

from one_lease import one_lease
from plan import measure

with one_lease() as lease:
    measure(lease.invoke, with_bursts=True)
