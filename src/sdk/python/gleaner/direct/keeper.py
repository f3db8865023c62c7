"""Keeps a lease: renews it and follows which workers it has, in a thread of its own, until its
end."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Callable, Dict, Sequence

from ..api.client import Api
from ..errors import GleanerError

_RENEWALS_IN_TTL = 3
_TERMINAL = ("TERMINATING", "ENDED")
#: A lease ends by itself once it is not renewed.
_GONE = ("UNREACHABLE", "NOT_FOUND")

#: Hears the endpoints that a lease has now.
Update = Callable[[Sequence[Dict[str, Any]]], None]


class Keeper:
    def __init__(self, api: Api, asked: Dict[str, Any], update: Update) -> None:
        self._api = api
        self._asked = asked
        self._ttl_ms = int(asked["ttlMs"])
        self._update = update
        self._lock = threading.Lock()
        self._has_ended = threading.Event()
        self._change(self._begin())
        threading.Thread(target=self._follow, name="gleaner-lease", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._has_ended.is_set() or self.state["state"] in _TERMINAL

    def end(self) -> None:
        with self._lock:
            if self._has_ended.is_set():
                return
            self._has_ended.set()
            self.state = self._ended("its program ended it")
        self._end(self.id)

    def _follow(self) -> None:
        wait_ms = max(100, self._ttl_ms // _RENEWALS_IN_TTL)
        renew_at = 0.0
        while self.state["state"] != "ENDED":
            try:
                state = self._next(wait_ms)
                is_due = time.monotonic() >= renew_at and not self._has_ended.is_set()
                if is_due and state["state"] not in _TERMINAL:
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
            if error.code != "NOT_FOUND" or self._has_ended.is_set():
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
