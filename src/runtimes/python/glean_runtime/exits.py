"""Watches the threads that calls leave behind, such as watchdogs. The calls that run meanwhile are
not to blame for an os._exit, of which the executor is told, and are not meant by interrupt_main."""

from __future__ import annotations

import _thread
import functools
import os
import threading
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
