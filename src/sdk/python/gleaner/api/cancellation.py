"""How one thread ends what another one waits for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Callable, Iterator, Optional

from ..errors import CallError

#: How often whoever waits for a lock looks whether its call was cancelled: nothing wakes it.
_LOOK_S = 0.1


class Cancellation:
    """Belongs to one call; `cancel()` may come from any thread, before, during or after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Optional[Callable[[], None]] = None
        self.is_cancelled = False

    def cancel(self) -> None:
        with self._lock:
            self.is_cancelled = True
            if self._stop is not None:
                self._stop()

    def check(self) -> None:
        if self.is_cancelled:
            raise CallError("CANCELLED", "", "the call was cancelled by its caller")

    @contextlib.contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """`stop` makes the block end early, if it is asked for meanwhile."""
        with self._lock:
            self.check()
            self._stop = stop
        try:
            yield
        finally:
            with self._lock:
                self._stop = None


def pause(seconds: float, cancellation: Optional[Cancellation]) -> None:
    """Raises CANCELLED as soon as the call is cancelled."""
    if cancellation is None:
        time.sleep(seconds)
        return
    woken = threading.Event()
    with cancellation.stopping(woken.set):
        woken.wait(seconds)
    cancellation.check()


@contextlib.contextmanager
def holding(lock: threading.Lock, cancellation: Optional[Cancellation]) -> Iterator[None]:
    """With the lock; raises CANCELLED if the call is cancelled while others have it."""
    if cancellation is None:
        with lock:
            yield
        return
    while not lock.acquire(timeout=_LOOK_S):
        cancellation.check()
    try:
        yield
    finally:
        lock.release()


def shut(connected: socket.socket) -> None:
    """Ends what another thread sends or receives here; does nothing once the connection is gone."""
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
