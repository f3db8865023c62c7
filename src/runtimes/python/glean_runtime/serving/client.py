"""One connection of a client: frames in, frames out, never blocking."""

from __future__ import annotations

import io
import select
import socket
import time
from collections import deque
from typing import Optional

from .. import frames
from ..connection import MAX_COPIED_BYTES
from ..worker import Answer, Call
from .handshake import Handshake

_CHUNK_BYTES = 64 * 1024
_HEAD_BYTES = 512
_PROVE_WITHIN_S = 5.0
_READ_WITHIN_S = 30.0
#: While more than this waits to be read by a client, nothing is read from it.
_MAX_UNSENT_BYTES = 1024 * 1024

#: Type, id, metadata, payload.
Frame = tuple[int, int, bytes, bytes]


class Client:
    def __init__(self, connected: socket.socket, origin: str, handshake: Handshake) -> None:
        self.socket = connected
        #: The address of its host.
        self.origin = origin
        self.handshake = handshake
        self.since = time.monotonic()
        self.is_proven = False
        self.is_closed = False
        self.calls: dict[int, Call] = {}
        self.last_id = 0
        #: The events that are waited for.
        self.watched = select.EPOLLIN
        #: Since when answers wait for the client to read; None if none do.
        self.unsent_since: Optional[float] = None
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._rest = b""
        #: Little after a large payload: the next one is likely as large, and to be read in place.
        self._ask_bytes = _CHUNK_BYTES
        self._large: Optional[_LargePayload] = None

    def read(self) -> list[Frame]:
        """The frames that have arrived whole; raises EOFError at the connection's end."""
        if self._large is not None:
            if not self._large.fill(self.socket):
                return []
            large, self._large = self._large, None
            return [large.frame()]
        return self.take_in(self.socket.recv(self._ask_bytes))

    def take_in(self, data: bytes) -> list[Frame]:
        """The same of what was received."""
        if not data:
            raise EOFError
        self._ask_bytes = _CHUNK_BYTES
        if self._rest:
            data = self._rest + data
        whole: list[Frame] = []
        at, end = 0, len(data)
        while end - at >= frames.HEADER.size:
            # Before any of a frame is kept: who has not proven itself sends short ones.
            rules = frames.CLIENT_RULES if self.is_proven else frames.HANDSHAKE_RULES
            type, id, metadata_bytes, payload_bytes = frames.check_header(data, at, rules)
            body = at + frames.HEADER.size
            payload = body + metadata_bytes
            after = payload + payload_bytes
            if after > end:
                if payload_bytes >= _CHUNK_BYTES and payload <= end:
                    head = (type, id, data[body:payload])
                    self._large = _LargePayload(head, payload_bytes, data[payload:])
                    self._rest = b""
                    self._ask_bytes = _HEAD_BYTES
                    return whole + self.read()
                break
            at = after
            whole.append((type, id, data[body:payload], data[payload:after]))
        self._rest = data[at:]
        return whole

    def check_order(self, id: int) -> None:
        if id <= self.last_id:
            raise frames.ProtocolError(frames.NOT_HIGHER)
        self.last_id = id

    @property
    def is_plain(self) -> bool:
        """Nothing waits to be sent, or for its rest."""
        return not (self._unsent or self._rest or self._large)

    def expect(self, head: tuple[int, int, bytes], payload_bytes: int, begun: bytes) -> None:
        """A frame has begun to arrive: the next read continues it."""
        self._large = _LargePayload(head, payload_bytes, begun)

    def send(self, type: int, id: int, payload: bytes = b"", metadata: bytes = b"") -> None:
        """Sends what the client takes now; the rest follows when it reads."""
        if self.is_closed:
            return
        head = frames.encode_head(type, id, metadata, len(payload))
        parts = [head + payload] if len(payload) <= MAX_COPIED_BYTES else [head, payload]
        sent = 0 if self._unsent else self._send_now(parts)
        for part in parts:
            if sent < len(part):
                self.keep(part, len(part) - sent)
            sent = max(0, sent - len(part))

    def keep(self, part: bytes, left: int) -> None:
        """As many of its last bytes could not be sent yet."""
        self._unsent.append(memoryview(part)[len(part) - left :])
        self._unsent_bytes += left
        if self.unsent_since is None:
            self.unsent_since = time.monotonic()

    def keep_last(self, answer: Answer, left: int) -> None:
        """The same of an answer."""
        type, id, payload, metadata = answer
        head = frames.encode_head(type, id, metadata, len(payload))
        if left > len(payload):
            self.keep(head, left - len(payload))
        if payload:
            self.keep(payload, min(left, len(payload)))

    def send_fields(self, type: int, id: int, fields: dict[str, object]) -> None:
        self.send(type, id, frames.encode_fields(fields))

    def flush(self) -> None:
        while self._unsent:
            sent = self._send_now(list(self._unsent)[:16])
            if sent == 0:
                return
            self._unsent_bytes -= sent
            self.unsent_since = time.monotonic()
            while sent > 0:
                first = self._unsent.popleft()
                if sent < len(first):
                    self._unsent.appendleft(first[sent:])
                sent -= min(sent, len(first))
        self.unsent_since = None

    @property
    def events(self) -> int:
        """What to wait for."""
        reads = select.EPOLLIN if self._unsent_bytes <= _MAX_UNSENT_BYTES else 0
        return reads | (select.EPOLLOUT if self._unsent else 0)

    def is_late(self, now: float) -> bool:
        """It has not proven itself, or does not read, for too long."""
        unsent = self.unsent_since
        return (not self.is_proven and now - self.since > _PROVE_WITHIN_S) or (
            unsent is not None and now - unsent > _READ_WITHIN_S
        )

    def close(self) -> None:
        self.is_closed = True
        self.socket.close()

    def _send_now(self, parts: list) -> int:
        try:
            return self.socket.send(parts[0]) if len(parts) == 1 else self.socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError:
            # Its end is read next.
            return sum(map(len, parts))


class _LargePayload:
    """Filled where it will stay: nothing of it is copied."""

    def __init__(self, head: tuple[int, int, bytes], payload_bytes: int, begun: bytes) -> None:
        self._head = head
        self._bytes = io.BytesIO(bytes(payload_bytes))
        self._filled = len(begun)
        self._bytes.getbuffer()[: len(begun)] = begun

    def fill(self, connected: socket.socket) -> bool:
        with self._bytes.getbuffer() as room:
            while self._filled < len(room):
                try:
                    got = connected.recv_into(room[self._filled :])
                except BlockingIOError:
                    return False
                if got == 0:
                    raise EOFError
                self._filled += got
        return True

    def frame(self) -> Frame:
        # BytesIO gives its own bytes if it has as many of them as it holds.
        return (*self._head, self._bytes.getvalue())
