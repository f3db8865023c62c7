"""Watches what calls leave behind, such as watchdogs. The calls that run meanwhile are not to blame
for an os._exit, of which the executor is told, and are not meant by an alarm or interrupt_main."""

from __future__ import annotations

import _thread
import functools
import os
import threading

# The module signal takes longer to import, for names that nobody needs here.
from _signal import ITIMER_REAL, getitimer, setitimer
from typing import Callable, Optional

from .prints import Prints

_CALL = "_glean_call"


class Exits:
    def __init__(self, prints: Prints) -> None:
        self._prints = prints
        #: Takes a reason and the id of a call; None in a process that a handler forked.
        self.tell: Optional[Callable[[str, int], None]] = None

    def watch(self) -> None:
        """From now on, also for modules that take the name _exit for themselves."""
        start, leave, interrupt = threading.Thread.start, os._exit, _thread.interrupt_main

        @functools.wraps(start)
        def start_watched(thread: threading.Thread) -> None:
            setattr(thread, _CALL, self._call())
            start(thread)

        @functools.wraps(leave)
        def leave_watched(status: int) -> None:
            call = self._call()
            if self.tell is not None and call != 0:
                self.tell(f"the handler called os._exit({status!r})", call)
            leave(status)

        @functools.wraps(interrupt)
        def interrupt_watched(*signal: int) -> None:
            of_thread = getattr(threading.current_thread(), _CALL, 0)
            running = self._prints.only
            if of_thread == 0 or running is not None and running.id == of_thread:
                interrupt(*signal)

        threading.Thread.start = start_watched
        os._exit = leave_watched
        _thread.interrupt_main = interrupt_watched

    def _call(self) -> int:
        """That which started this thread, or whose handler runs in it; 0 if there is none."""
        return getattr(threading.current_thread(), _CALL, 0) or self._prints.log().id


class Alarms:
    """Turns off the alarm that a call has set. Made before the first call: one that the module has
    set by then is left alone."""

    def __init__(self) -> None:
        self._is_modules = _is_set()

    def clear(self) -> None:
        """A call has ended that had this process alone."""
        if not self._is_modules and _is_set():
            setitimer(ITIMER_REAL, 0)


def _is_set() -> bool:
    return getitimer(ITIMER_REAL)[0] > 0
