"""The workers of a lease that serve, and this program's connections to them; threads share them."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .. import forks
from ..api.cancellation import Cancellation
from . import frames
from .channel import Channel

#: A worker that could not be reached is not tried again for this time, then for twice as long.
AVOID_S = 0.25
_LONGEST_AVOID_S = 2.0
#: A worker that did not answer in time.
_SILENT = (BlockingIOError, TimeoutError, socket.timeout)
#: A worker may have said goodbye on a connection that was idle for longer.
_IDLE_S = 0.001


class Worker:
    def __init__(self, endpoint: Dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.name = str(endpoint["worker"])
        self.in_flight = 0
        self.idle: List[Channel] = []
        #: Each has a call for which nobody waits any more.
        self.abandoned: List[Channel] = []
        self.concurrency = 1
        self.avoid_until = 0.0
        self.avoid_s = AVOID_S
        self.is_leased = True

    def is_stuck(self) -> bool:
        """It runs nothing but calls for which nobody waits any more."""
        if not self.abandoned:
            return False
        answered = [each for each in self.abandoned if not each.is_quiet()]
        for each in answered:
            self.abandoned.remove(each)
            each.close()
        return len(self.abandoned) >= self.concurrency

    def disconnect(self) -> List[Channel]:
        """What is to be closed."""
        channels = self.idle + self.abandoned
        self.idle, self.abandoned = [], []
        return channels


Taken = Tuple[Worker, Channel]


class Workers:
    def __init__(self) -> None:
        self._known: Dict[str, Worker] = {}
        self._serving: List[Worker] = []
        #: The connection that was used last, where there is only one worker: threads take it and
        #: give it back without the lock. It counts as one with a call.
        self._resting: List[Taken] = []
        self._has_one = False
        #: Since when no worker could be reached; None while one can.
        self.lacking_since: Optional[float] = None
        self.begin_anew()
        forks.watch(self)

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
            self._has_one = len(self._serving) == 1
            gone = [each for name, each in known.items() if name not in self._known]
            channels = [channel for each in gone for channel in each.disconnect()]
            for each in gone:
                each.is_leased = False
            self._changed.notify_all()
        for channel in channels:
            channel.close()
        # take() drops one that comes later.
        if gone and self._resting:
            self._resting, resting = [], self._resting
            for taken in resting:
                self._drop(taken)

    def take(
        self, now: float, until: float, cancellation: Optional[Cancellation]
    ) -> Optional[Taken]:
        """A connection to the worker with the fewest calls of ours, for which a call waits at most
        until then; None if no worker can be reached now."""
        if self._resting:
            try:
                taken = self._resting.pop()
            except IndexError:
                pass  # another thread has it
            else:
                is_recent = now - taken[1].heard_at < _IDLE_S
                if taken[0].is_leased and (is_recent or taken[1].is_quiet()):
                    return taken
                self._drop(taken)
        while True:
            with self._lock:
                worker = self._least_busy(now)
                if worker is None:
                    self.lacking_since = self.lacking_since or now
                    return None
                worker.in_flight += 1
                # It answers once it has run them, if it runs one call at a time.
                is_busy = worker.in_flight > 1
                channel = worker.idle.pop() if worker.idle else None
            if channel is not None:
                if now - channel.heard_at < _IDLE_S or channel.is_quiet():
                    self.lacking_since = None
                    return worker, channel
                channel.close()
            began = time.monotonic()
            try:
                channel = Channel(worker.endpoint, until, is_busy, cancellation)
                self.lacking_since = None
                worker.concurrency, worker.avoid_s = channel.concurrency, AVOID_S
                return worker, channel
            except (OSError, EOFError, frames.FrameError) as error:
                avoid_s, worker.avoid_s = worker.avoid_s, min(_LONGEST_AVOID_S, 2 * worker.avoid_s)
                # The next call tries others before it loses as much time here.
                spent_s = time.monotonic() - began
                self.give_back(worker, None, max(avoid_s, 2 * spent_s))
                if isinstance(error, _SILENT):
                    # The others may be as silent: the call has waited enough.
                    self.lacking_since = self.lacking_since or now
                    return None
            except BaseException:
                self.give_back(worker, None)
                raise

    def give_back(self, worker: Worker, channel: Optional[Channel], avoid_s: float = 0.0) -> None:
        """`channel`: None if it is of no use any more."""
        if channel is not None and channel.is_stopped:
            channel.close()
            channel = None
        if self._has_one and channel is not None and avoid_s == 0 and not self._resting:
            self._resting.append((worker, channel))
            return
        with self._lock:
            worker.in_flight -= 1
            if channel is not None:
                if worker.is_leased:
                    worker.idle.append(channel)
                else:
                    channel.close()
            if avoid_s > 0:
                worker.avoid_until = time.monotonic() + avoid_s

    def abandon(self, worker: Worker, channel: Channel) -> None:
        """Until it answers there, it gets no call that others could take."""
        with self._lock:
            worker.in_flight -= 1
            if worker.is_leased:
                worker.abandoned.append(channel)
            else:
                channel.close()

    def _drop(self, taken: Taken) -> None:
        taken[1].close()
        self.give_back(taken[0], None)

    def wait(self, seconds: float) -> None:
        """Until the lease has other workers."""
        with self._changed:
            self._changed.wait(seconds)

    def close(self) -> None:
        self.update([])

    def _least_busy(self, now: float) -> Optional[Worker]:
        """One that is connected first: it does not have to be waited for."""
        found: Optional[Worker] = None
        for worker in self._serving:
            if worker.avoid_until > now or worker.is_stuck():
                continue
            order = worker.in_flight, not worker.idle
            if found is None or order < (found.in_flight, not found.idle):
                found = worker
        return found

    def begin_anew(self) -> None:
        """In a forked process: the connections, and whoever held the lock, are the parent's."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        for _, channel in self._resting:
            channel.close()
        self._resting = []
        for worker in self._known.values():
            worker.in_flight = 0
            for channel in worker.disconnect():
                channel.close()
