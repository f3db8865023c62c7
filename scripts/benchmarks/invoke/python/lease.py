"""Calls over a lease from Python, with the SDK's own client, to the worker of $LEASE_ENDPOINT."""

import json
import os

from gleaner.direct.lease import Lease
from plan import measure


class OneLease:
    """The part of gleanerd's API that a lease uses, with a worker that is there already."""

    def __init__(self, endpoint):
        workers = [endpoint]
        self.state = {"id": 1, "state": "ACTIVE", "revision": 1, "workers": workers}

    def begin_lease(self, _):
        return self.state

    def lease(self, _id, _revision, wait_ms):
        import time

        time.sleep(wait_ms / 1000)
        return self.state

    def renew_lease(self, _id, _ttl_ms):
        pass

    def end_lease(self, _):
        pass


api = OneLease(json.loads(os.environ["LEASE_ENDPOINT"]))
asked = {"workers": 1, "ttlMs": 60_000}
with Lease(api, asked, "evicted", 90.0, None) as lease:
    measure(lease.invoke, with_bursts=True)
