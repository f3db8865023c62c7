"""Watches what calls leave behind, such as watchdogs. The calls that run meanwhile are not to blame
for an os._exit, of which the executor is told, and are not meant by an alarm or interrupt."""

from __future__ import annotations

import _thread
import functools
import os
import sys
import threading

# The module signal takes longer to import, for names that nobody needs here.
import _signal
from _signal import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIGINT, getitimer, setitimer
from collections.abc import Callable
from types import ModuleType

from .prints import Prints

_CALL = "_glean_call"


class Exits:
    def __init__(self, prints: Prints) -> None:
        self._prints = prints
        #: Takes a reason and the id of a call; None in a process that a handler forked.
        self.tell: Callable[[str, int], None] | None = None

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
        self._watch_interrupt(_thread, "interrupt_main", lambda *signal: True)
        self._watch_interrupt(os, "kill", lambda pid, signal: pid == os.getpid() and signal == SIGINT)
        for module in (_signal, sys.modules.get("signal")):
            if module is not None:
                self._watch_interrupt(module, "raise_signal", lambda signal: signal == SIGINT)
                self._watch_interrupt(module, "pthread_kill", lambda _, signal: signal == SIGINT)
                _watch_timer(module, "alarm")
                _watch_timer(module, "setitimer")

    def _watch_interrupt(
        self, module: ModuleType, name: str, is_interrupt: Callable[..., bool]
    ) -> None:
        """A thread of a call that has ended interrupts nobody."""
        act = getattr(module, name)

        @functools.wraps(act)
        def watched(*arguments: object) -> None:
            of_thread = getattr(threading.current_thread(), _CALL, 0)
            running = self._prints.only
            is_own = of_thread == 0 or running is not None and running.id == of_thread
            if is_own or not is_interrupt(*arguments):
                act(*arguments)

        setattr(module, name, watched)

    def _call(self) -> int:
        """That which started this thread, or whose handler runs in it; 0 if there is none."""
        return getattr(threading.current_thread(), _CALL, 0) or self._prints.log().id


class Alarms:
    """Turns off the alarms that a call has set. Made before the first call: what the module has set
    by then is left alone."""

    #: Whether any was set since the last look: asking the kernel takes longer than a short call.
    were_set = False

    def __init__(self) -> None:
        timers = (ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF)
        self._of_calls = [timer for timer in timers if not _is_set(timer)]
        Alarms.were_set = False

    def clear(self) -> None:
        """A call has ended that had this process alone."""
        if not Alarms.were_set:
            return
        Alarms.were_set = False
        for timer in self._of_calls:
            if _is_set(timer):
                setitimer(timer, 0)


def _watch_timer(module: ModuleType, name: str) -> None:
    act = getattr(module, name)

    @functools.wraps(act)
    def watched(*arguments: object) -> object:
        Alarms.were_set = True
        return act(*arguments)

    setattr(module, name, watched)


def _is_set(timer: int) -> bool:
    return getitimer(timer)[0] > 0
