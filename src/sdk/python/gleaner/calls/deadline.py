"""A point in time until which a caller waits, and how far off it is."""

from __future__ import annotations

import time
from typing import Optional

from ..api.client import MAX_WAIT_MS


class Deadline:
    """`timeout`: seconds from now; None: never."""

    def __init__(self, timeout: Optional[float]) -> None:
        self.at = None if timeout is None else time.monotonic() + max(0.0, timeout)

    def left_s(self) -> Optional[float]:
        return None if self.at is None else max(0.0, self.at - time.monotonic())

    @property
    def is_over(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at

    def wait_ms(self) -> int:
        """For a request that waits."""
        left = self.left_s()
        return MAX_WAIT_MS if left is None else min(MAX_WAIT_MS, int(left * 1000) + 1)


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    return None if seconds is None else max(1, round(seconds * 1000))
