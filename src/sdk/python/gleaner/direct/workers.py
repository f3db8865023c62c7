"""The workers of a lease that serve, and this program's connections to them; threads share them."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import frames
from .channel import Channel

#: A worker that could not be reached is not tried again for this time.
AVOID_S = 0.25


class Worker:
    def __init__(self, endpoint: Dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.name = str(endpoint["worker"])
        self.in_flight = 0
        self.idle: List[Channel] = []
        #: 0: it is not avoided.
        self.avoid_until = 0.0


class Workers:
    def __init__(self) -> None:
        self._known: Dict[str, Worker] = {}
        self._serving: List[Worker] = []
        self.begin_anew()
        _all.add(self)

    def update(self, endpoints: Sequence[Dict[str, Any]]) -> None:
        """What the lease has now."""
        with self._lock:
            known = self._known
            self._known = {
                each["worker"]: known.get(each["worker"]) or Worker(each) for each in endpoints
            }
            self._serving = [
                self._known[each["worker"]] for each in endpoints if each["state"] == "serving"
            ]
            gone = [each for name, each in known.items() if name not in self._known]
            channels = [channel for each in gone for channel in each.idle]
            for each in gone:
                each.idle = []
            self._changed.notify_all()
        for channel in channels:
            channel.close()

    def take(self) -> Optional[Tuple[Worker, Channel]]:
        """A connection to the worker with the fewest calls of ours; None if no worker can be
        reached now."""
        while True:
            with self._lock:
                worker = self._least_busy()
                if worker is None:
                    return None
                worker.in_flight += 1
                channel = worker.idle.pop() if worker.idle else None
            if channel is not None and channel.is_open:
                return worker, channel
            if channel is not None:
                channel.close()
            try:
                return worker, Channel(worker.endpoint)
            except (OSError, EOFError, frames.FrameError):
                self.give_back(worker, None, AVOID_S)
            except BaseException:
                self.give_back(worker, None)
                raise

    def give_back(self, worker: Worker, channel: Optional[Channel], avoid_s: float = 0.0) -> None:
        """`channel`: None if it is of no use any more."""
        with self._lock:
            worker.in_flight -= 1
            if channel is not None:
                if self._known.get(worker.name) is worker:
                    worker.idle.append(channel)
                else:
                    channel.close()
            if avoid_s > 0:
                worker.avoid_until = time.monotonic() + avoid_s

    def wait(self, seconds: float) -> None:
        """Until the lease has other workers."""
        with self._changed:
            self._changed.wait(seconds)

    def close(self) -> None:
        self.update([])

    def _least_busy(self) -> Optional[Worker]:
        found: Optional[Worker] = None
        for worker in self._serving:
            if worker.avoid_until > 0:
                if worker.avoid_until > time.monotonic():
                    continue
                worker.avoid_until = 0.0
            if found is None or worker.in_flight < found.in_flight:
                found = worker
        return found

    def begin_anew(self) -> None:
        """In a forked process: the connections, and whoever held the lock, are the parent's."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        for worker in self._known.values():
            worker.in_flight = 0
            for channel in worker.idle:
                channel.close()
            worker.idle = []


_all: "weakref.WeakSet[Workers]" = weakref.WeakSet()


def _begin_all_anew() -> None:
    for workers in list(_all):
        workers.begin_anew()


os.register_at_fork(after_in_child=_begin_all_anew)
