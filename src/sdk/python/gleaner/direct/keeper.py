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
        self._ttl_ms = int(asked["ttlMs"])
        self._update = update
        self._has_ended = threading.Event()
        self.state = api.begin_lease({"requestId": str(uuid.uuid4()), **asked})
        self.id = str(self.state["id"])
        update(self.state["workers"])
        threading.Thread(target=self._follow, name="gleaner-lease", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._has_ended.is_set() or self.state["state"] in _TERMINAL

    def end(self) -> None:
        if not self._has_ended.is_set():
            self._has_ended.set()
            self.state = self._ended("its program ended it")
            try:
                self._api.end_lease(self.id)
            except GleanerError as error:
                if error.code not in _GONE:
                    raise

    def _follow(self) -> None:
        wait_ms = max(100, self._ttl_ms // _RENEWALS_IN_TTL)
        renew_at = 0.0
        while not self.is_over or self.state["state"] == "TERMINATING":
            try:
                state = self._api.lease(self.id, int(self.state["revision"]), wait_ms)
                is_due = time.monotonic() >= renew_at and not self._has_ended.is_set()
                if is_due and state["state"] not in _TERMINAL:
                    renew_at = time.monotonic() + wait_ms / 2000
                    self._api.renew_lease(self.id, self._ttl_ms)
            except GleanerError as error:
                # Workers serve on while gleanerd is away; a lease that it does not know has ended.
                if error.code == "UNREACHABLE":
                    self._has_ended.wait(wait_ms / 1000)
                    continue
                state = self._ended(str(error))
            if self._has_ended.is_set():
                return
            self.state = state
            self._update(state["workers"])

    def _ended(self, reason: str) -> Dict[str, Any]:
        return {**self.state, "state": "ENDED", "workers": [], "reason": reason}
