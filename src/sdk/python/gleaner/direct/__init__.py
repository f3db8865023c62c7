"""The direct path: leases, and calls that go from this program to a worker."""
