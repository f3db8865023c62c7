"""Tells the executor which call ends the process by os._exit: it may have ended long ago and have
left a thread behind, such as a watchdog, so that the calls which run are not to blame."""

from __future__ import annotations

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
        start, leave = threading.Thread.start, os._exit

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

        threading.Thread.start = start_watched
        os._exit = leave_watched

    def _call(self) -> int:
        """That which started this thread, or whose handler runs in it; 0 if there is none."""
        return getattr(threading.current_thread(), _CALL, 0) or self._prints.log().id
