"""Waits for all connections at once, spinning or blocked, and can be woken by other threads."""

from __future__ import annotations

import functools
import select
import socket
import time
from collections import deque
from typing import Callable, TypeVar, Union

from .extension import extension

Got = TypeVar("Got")

#: A second at most: connections must be looked after, too.
_MAX_SPIN_S = 1.0
#: Room for so many is made at each wait.
_MAX_EVENTS = 64


class Poller:
    """`hot_ms`: how long to spin after a call; -1: always, 0: not at all."""

    def __init__(self, hot_ms: int) -> None:
        self._hot_s = float("inf") if hot_ms < 0 else hot_ms / 1000
        self._epoll = select.epoll()
        self._poll = functools.partial(self._epoll.poll, maxevents=_MAX_EVENTS)
        self._ready: dict[int, Callable[[int], None]] = {}
        self._posted: deque[Callable[[], None]] = deque()
        self._wakes, self._wake = socket.socketpair()
        for each in (self._wakes, self._wake):
            each.setblocking(False)
        self.watch(self._wakes, lambda _: self._wakes.recv(4096))
        self.last_call_at = 0.0
        self.spin_s = 0.0

    def watch(self, watched: socket.socket, ready: Callable[[int], None]) -> None:
        self._ready[watched.fileno()] = ready
        self._epoll.register(watched.fileno(), select.EPOLLIN)

    def modify(self, watched: socket.socket, events: int) -> None:
        self._epoll.modify(watched.fileno(), events)

    def forget(self, watched: socket.socket) -> None:
        """It is about to be closed."""
        self._ready.pop(watched.fileno(), None)

    def post(self, do: Callable[[], None]) -> None:
        """From another thread: lets the poller's own thread do it."""
        self._posted.append(do)
        try:
            self._wake.send(b"\0")
        except OSError:
            pass  # it is awake, or over

    def turn(self, patience_s: float) -> None:
        """Handles what is ready, after at most this time if nothing is; -1: without end."""
        # Calls that arrived in one turn begin before what was posted meanwhile is done.
        if self._posted:
            patience_s = 0.0
        while self._posted:
            self._posted.popleft()()
        self.handle(self.wait(patience_s, self._poll))

    def handle(self, events: list[tuple[int, int]]) -> None:
        for descriptor, event in events:
            ready = self._ready.get(descriptor)
            if ready is not None:
                ready(event)

    def close(self) -> None:
        for each in (self._epoll, self._wakes, self._wake):
            each.close()

    def wait(self, patience_s: float, poll: Callable[[float], Got]) -> Union[Got, list]:
        """What poll() returns, which takes the seconds to wait; an empty list if nothing came."""
        if self._hot_s == 0 or patience_s == 0:
            return poll(patience_s)
        begun = time.monotonic()
        until = min(self.last_call_at + self._hot_s, begun + _MAX_SPIN_S)
        got: Union[Got, list] = []
        while got == [] and time.monotonic() < until:
            got = poll(0)
        self.spin_s += time.monotonic() - begun
        is_always_hot = self._hot_s == float("inf")
        return got if got != [] or is_always_hot else poll(patience_s)

    def next_of(
        self, watched: socket.socket, room: bytearray
    ) -> Callable[[float, object, int], object]:
        """What answers over this socket, waits as wait() does, and receives the call that comes, of
        which it asks at most `asked` bytes into the room."""
        poll = functools.partial(extension.next, self._epoll.fileno(), watched.fileno(), room)

        def spin(patience_s: float, answer: object, asked: int) -> object:
            got = poll(0, answer, asked)
            if got != []:
                return got
            return self.wait(patience_s, lambda wait_s: poll(wait_s, None, asked))

        return poll if self._hot_s == 0 else spin
