"""Turns off the alarm that a call leaves behind: it would interrupt or kill the next one."""

from __future__ import annotations

# The module signal takes longer to import, for names that nobody needs here.
from _signal import ITIMER_REAL, getitimer, setitimer


class Alarms:
    """Made before the first call: an alarm that the module has set by then is left alone."""

    def __init__(self) -> None:
        self._is_modules = _is_set()

    def clear(self) -> None:
        """A call has ended that had this process alone."""
        if not self._is_modules and _is_set():
            setitimer(ITIMER_REAL, 0)


def _is_set() -> bool:
    return getitimer(ITIMER_REAL)[0] > 0
