"""What a worker says of itself while it serves: shown to people, never billed."""

from __future__ import annotations

import time
from typing import Callable

from .. import frames

_EVERY_S = 1.0


class Usage:
    def __init__(self, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        self._told_at = 0.0
        self._told_calls = 0
        self.clients = self.calls = 0
        self.busy_s = self.spin_s = 0.0

    def change_clients(self, by: int) -> None:
        before = self.clients
        self.clients += by
        if 0 in (before, self.clients):
            self._tell_now()

    def tell_if_due(self, now: float) -> None:
        if self.calls != self._told_calls and now - self._told_at >= _EVERY_S:
            self._tell_now()

    def _tell_now(self) -> None:
        self._told_at, self._told_calls = time.monotonic(), self.calls
        said = {
            "clients": self.clients,
            "calls": self.calls,
            "busyMs": int(self.busy_s * 1000),
            "spinMs": int(self.spin_s * 1000),
        }
        self._tell(frames.encode_fields(said))
