"""A lease over the worker of $LEASE_ENDPOINT, without gleanerd."""

import json
import os
import time

from gleaner.direct.lease import Lease


class OneLease:
    """The part of gleanerd's API that a lease uses, with a worker that is there already."""

    def __init__(self, endpoint):
        workers = [endpoint]
        self.state = {
            **{"id": 1, "state": "ACTIVE", "revision": 1, "workers": workers},
            **{"timeLimitMs": 60_000, "expiresInMs": 60_000, "reason": None},
        }

    def begin_lease(self, _):
        return self.state

    def lease(self, _id, _revision, wait_ms):
        time.sleep(wait_ms / 1000)
        return self.state

    def renew_lease(self, _id, _ttl_ms):
        pass

    def end_lease(self, _):
        pass


def one_lease():
    api = OneLease(json.loads(os.environ["LEASE_ENDPOINT"]))
    return Lease(api, {"workers": 1, "ttlMs": 60_000}, "evicted", 90.0, None)
