"""Keeps a lease: renews it and follows which workers it has, in a thread of its own, until its end.
If calls still come then, another lease takes its place."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Callable, Dict, Sequence

from .. import forks
from ..api.client import Api
from ..errors import GleanerError

_RENEWALS_IN_TTL = 3
_TERMINAL = ("TERMINATING", "ENDED")
#: A lease ends by itself once it is not renewed.
_GONE = ("UNREACHABLE", "NOT_FOUND")

#: Between two requests for a lease in the place of one that has ended: twice as long each time.
_FIRST_REPLACE_S = 0.25
_LONGEST_REPLACE_S = 8.0

#: Hears the endpoints that a lease has now.
Update = Callable[[Sequence[Dict[str, Any]]], None]


class Keeper:
    def __init__(self, api: Api, asked: Dict[str, Any], update: Update) -> None:
        self._api = api
        self._asked = asked
        self._ttl_ms = int(asked["ttlMs"])
        self._update = update
        self.state: Dict[str, Any] = {}
        self.id = ""
        self._asked_at = time.monotonic()
        self._replace_in_s = 0.0
        self._is_own = True
        #: Nothing refers to its lease any more, which nobody has ended.
        self.is_abandoned = False
        self._lock = threading.Lock()
        self._has_ended = threading.Event()
        self._change(self._begin())
        self._start(self._follow)
        forks.watch(self)

    @property
    def is_over(self) -> bool:
        return self._has_ended.is_set() or self.state["state"] in _TERMINAL

    def replace(self, now: float) -> None:
        """A call has no worker: another lease is requested if this one has ended, but not too
        often."""
        with self._lock:
            if self._has_ended.is_set() or self._thread.is_alive():
                return
            if not self._is_own:
                # The parent renews it, and has another one then.
                if self.state["state"] != "ENDED":
                    self._start(self._follow)
                return
            if self.state["state"] != "ENDED":
                return
            since_s = now - self._asked_at
            if since_s < self._replace_in_s:
                return
            next_s = min(_LONGEST_REPLACE_S, self._replace_in_s * 2)
            is_first = since_s > _LONGEST_REPLACE_S or next_s == 0
            self._replace_in_s = _FIRST_REPLACE_S if is_first else next_s
            self._asked_at = now
            self.state = {**self.state, "state": "PENDING", "workers": []}
            self._start(self._follow_another)

    def end(self) -> None:
        with self._lock:
            if self._has_ended.is_set():
                return
            self._has_ended.set()
            was_over = self.state["state"] == "ENDED"
            self.state = self._ended("its program ended it")
        if self._is_own and not was_over:
            self._end(self.id)

    def begin_anew(self) -> None:
        """In a forked process, which follows the lease from the first call on that needs it."""
        self._is_own = False
        self._lock = threading.Lock()
        has_ended = self._has_ended.is_set()
        self._has_ended = threading.Event()
        if has_ended:
            self._has_ended.set()

    def _start(self, run: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=run, name="gleaner-lease", daemon=True)
        self._thread.start()

    def _follow_another(self) -> None:
        try:
            state = self._begin()
        except GleanerError as error:
            self._change(self._ended(str(error)))
            return
        if self._change(state):
            self._follow()
        else:
            # The program ended it meanwhile.
            self._end(str(state["id"]))

    def _follow(self) -> None:
        wait_ms = max(100, self._ttl_ms // _RENEWALS_IN_TTL)
        renew_at = 0.0
        while self.state["state"] != "ENDED":
            try:
                if self.is_abandoned:
                    self.end()
                    return
                state = self._next(wait_ms)
                is_wanted = self._is_own and not self._has_ended.is_set()
                if is_wanted and time.monotonic() >= renew_at and state["state"] not in _TERMINAL:
                    renew_at = time.monotonic() + wait_ms / 2000
                    self._renew(str(state["id"]))
            except GleanerError as error:
                # Workers serve on while gleanerd is away.
                if error.code == "UNREACHABLE":
                    self._has_ended.wait(wait_ms / 1000)
                    continue
                state = self._ended(str(error))
            if not self._change(state) and str(state["id"]) != self.id:
                # It was granted while the program ended it.
                self._end(str(state["id"]))

    def _next(self, wait_ms: int) -> Dict[str, Any]:
        """The lease after its next change, or after `wait_ms`."""
        try:
            return self._api.lease(self.id, int(self.state["revision"]), wait_ms)
        except GleanerError as error:
            if error.code != "NOT_FOUND" or self._has_ended.is_set() or not self._is_own:
                raise
        # gleanerd was killed before the lease was on record.
        self._change({**self.state, "state": "PENDING", "workers": []})
        return self._begin()

    def _begin(self) -> Dict[str, Any]:
        return self._api.begin_lease({"requestId": str(uuid.uuid4()), **self._asked})

    def _renew(self, id: str) -> None:
        try:
            self._api.renew_lease(id, self._ttl_ms)
        except GleanerError as error:
            # _next() learns why.
            if error.code != "NOT_FOUND":
                raise

    def _end(self, id: str) -> None:
        try:
            self._api.end_lease(id)
        except GleanerError as error:
            if error.code not in _GONE:
                raise

    def _change(self, state: Dict[str, Any]) -> bool:
        """False if the program has ended the lease."""
        with self._lock:
            if self._has_ended.is_set():
                return False
            self.state = state
            self.id = str(state["id"])
            self._update(state["workers"])
            return True

    def _ended(self, reason: str) -> Dict[str, Any]:
        return {**self.state, "state": "ENDED", "workers": [], "reason": reason}
