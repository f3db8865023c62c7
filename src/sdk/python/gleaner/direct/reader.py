"""Reads frames from a blocking socket: a short one with one system call, a long payload straight to
where it stays."""

from __future__ import annotations

import functools
import io
import select
import socket
import time
from typing import List, Optional, Tuple

from . import frames
from .sockets import SHORTEST_S, limit_waits

#: Room for what is read at once: every frame without a long payload.
ROOM_BYTES = 8 * 1024

#: poll(2) takes an int; the longest time limit of a function, and what a client adds, is more.
_LONGEST_POLL_MS = 2**31 - 1

#: A call may take so much longer if its worker stops in the middle of the answer.
_UNLIMITED_S = 1.0

#: What glibc keeps of itself is shorter.
_KEPT_BYTES = 128 * 1024
_FREED_ONCE_BYTES = 31 * 1024 * 1024

#: Type, id, metadata, payload.
Frame = Tuple[int, int, bytes, bytes]


class Interrupted(Exception):
    """Another thread has ended the wait for a frame."""


class Reader:
    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._arrival = select.poll()
        self._arrival.register(connected, select.POLLIN)
        self.bell = -1
        #: A long payload is under way, which only the socket's end interrupts.
        self.is_moving = False
        self.room = bytearray(ROOM_BYTES)
        self._view = memoryview(self.room)
        self._filled = 0
        #: No payload is read into the room while the last one was long: it would be copied.
        self.ask_bytes = ROOM_BYTES
        #: The socket's own limit for each wait.
        self.limit_s: Optional[float] = None
        #: It is what was left of a call's time: the next one has another.
        self.has_limited = False
        #: Nothing is in the room.
        self.is_ready = True

    def heed(self, bell: int) -> None:
        """Waits for a frame raise Interrupted once there is something to read from this bell."""
        self.bell = bell
        self._arrival.register(bell, select.POLLIN)

    def take_in(self, count: int) -> None:
        """Others have received as many bytes into the room, while it was ready."""
        if count == 0:
            raise EOFError("the worker is gone")
        self._filled = count
        self.is_ready = False

    def took(self, result: Tuple[int, str, bytes]) -> None:
        """Others have received a result (type, content type, payload) through the empty room."""
        _, content_type, payload = result
        self._expect(frames.HEADER_BYTES + len(content_type), len(payload))
        if len(payload) > _KEPT_BYTES:
            _keep_freed()

    def frame(self, until: Optional[float]) -> Frame:
        """Waits for the next one, at most until then. Raises FrameError, EOFError or OSError."""
        if self._filled < frames.HEADER_BYTES:
            self._fill(frames.HEADER_BYTES, until)
        type, id, metadata_bytes, payload_bytes = frames.decode_header(self.room)
        begin = frames.HEADER_BYTES + metadata_bytes
        if self._filled < begin:
            self._fill(begin, until)
        end = begin + payload_bytes
        filled = self._filled
        metadata = bytes(self._view[frames.HEADER_BYTES : begin])
        if filled >= end:
            payload = bytes(self._view[begin:end])
            self._keep(end)
        else:
            self._filled = 0
            payload = self._long(self._view[begin:filled], payload_bytes, until)
            self.is_moving = False
        self._expect(begin, payload_bytes)
        self.is_ready = self._filled == 0
        return type, id, metadata, payload

    def _fill(self, count: int, until: Optional[float]) -> None:
        """Until the room has `count` bytes, and as many more as have arrived."""
        while self._filled < count:
            end = max(count, self.ask_bytes)
            self._wait(until)
            got = self._socket.recv_into(self._view[self._filled : end])
            if got == 0:
                raise EOFError("the worker is gone")
            self._filled += got

    def _wait(self, until: Optional[float]) -> None:
        """The socket's own limit starts over with each signal, so a read must find something: a
        signal then ends it with that."""
        found = wait_for(self._arrival, until)
        if any(descriptor == self.bell for descriptor, _ in found):
            raise Interrupted

    def _limit(self, until: Optional[float]) -> None:
        """The wait for all of a payload may begin late in a call's time."""
        if until is None or self.limit_s is None:
            return
        left_s = until - time.monotonic()
        # That takes longer than the other steps of a short call.
        if left_s < self.limit_s - _UNLIMITED_S:
            limit_waits(self._socket, max(SHORTEST_S, left_s))
            self.has_limited = True

    def _expect(self, head_bytes: int, payload_bytes: int) -> None:
        """The next frame is likely as this one."""
        self.ask_bytes = head_bytes if payload_bytes > ROOM_BYTES else ROOM_BYTES

    def _keep(self, begin: int) -> None:
        """What arrived of the next frames."""
        rest = self._filled - begin
        if rest > 0:
            self.room[:rest] = self.room[begin : self._filled]
        self._filled = rest

    def _long(self, begun: memoryview, count: int, until: Optional[float]) -> bytes:
        """The kernel fills the very bytes that are returned."""
        if count > _KEPT_BYTES:
            _keep_freed()
        self.is_moving = True
        if not begun or self.bell >= 0:
            self._wait(until)
        if not begun:
            self._limit(until)
            whole = self._socket.recv(count, socket.MSG_WAITALL)
            if len(whole) == count:
                return whole
            if not whole:
                raise EOFError("the worker is gone")
            begun = memoryview(whole)
        kept = io.BytesIO(bytes(count))
        filled = len(begun)
        with kept.getbuffer() as room:
            room[:filled] = begun
            while filled < count:
                self._wait(until)
                self._limit(until)
                got = self._socket.recv_into(room[filled:], 0, socket.MSG_WAITALL)
                if got == 0:
                    raise EOFError("the worker is gone")
                filled += got
        # BytesIO gives its own bytes if it has as many of them as it holds.
        return kept.getvalue()


def check(until: Optional[float]) -> None:
    if until is not None and time.monotonic() >= until:
        raise BlockingIOError("the time is over")


def wait_for(event: select.poll, until: Optional[float]) -> List[Tuple[int, int]]:
    """Raises BlockingIOError once the time is over, whatever signals come."""
    while True:
        found = event.poll(left_ms(until))
        if found:
            return found
        check(until)


def left_ms(until: Optional[float]) -> Optional[float]:
    if until is None:
        return None
    return min(_LONGEST_POLL_MS, max(0.0, (until - time.monotonic()) * 1000))


@functools.lru_cache(maxsize=None)
def _keep_freed() -> None:
    """Keeps freed memory for the next long payload: above a limit of 128 KiB, glibc gives it back,
    and the kernel clears each page of the next one. The limit becomes twice the size of a freed
    block that had pages of its own, at most 64 MiB (mallopt(3), M_MMAP_THRESHOLD). Nobody writes
    to this one, so that it takes no memory."""
    bytes(_FREED_ONCE_BYTES)
