"""The blocking connection to the executor: whole frames in, whole frames out, from any thread."""

from __future__ import annotations

import array
import os
import threading

# The module socket takes as long to import as everything else of this runtime.
from _socket import AF_UNIX, CMSG_LEN, MSG_DONTWAIT, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket

from . import frames

EXECUTOR_DESCRIPTOR = 3
#: Copying a short payload is cheaper than a second write.
MAX_COPIED_BYTES = 64 * 1024
#: A frame brings one, or two.
_MAX_DESCRIPTORS = 8


class Connection:
    def __init__(self, descriptor: int = EXECUTOR_DESCRIPTOR) -> None:
        # A process that a handler starts must not get it.
        os.set_inheritable(descriptor, False)
        self.socket = socket(fileno=descriptor)
        self.socket.setblocking(True)
        self._writing = threading.Lock()
        #: Descriptors that came with frames and that nobody has taken yet.
        self.received: list[int] = []

    def read(self, with_descriptors: bool = False) -> frames.Frame | None:
        """The next frame; None once the executor is gone."""
        data = self._read_exactly(frames.HEADER.size, with_descriptors)
        if data is None:
            return None
        header = frames.decode_header(data)
        body = self._read_exactly(header.metadata_bytes + header.payload_bytes)
        if body is None:
            return None
        metadata = bytes(body[: header.metadata_bytes])
        return frames.Frame(header.type, header.id, metadata, bytes(body[header.metadata_bytes :]))

    def send(self, type: int, id: int, payload: bytes = b"", metadata: bytes = b"") -> None:
        head = frames.encode_head(type, id, metadata, len(payload))
        with self._writing:
            if len(payload) <= MAX_COPIED_BYTES:
                self.socket.sendall(head + payload)
            else:
                self.socket.sendall(head)
                self.socket.sendall(payload)

    def send_fields(self, type: int, id: int, fields: dict[str, object]) -> None:
        self.send(type, id, frames.encode_fields(fields))

    def send_last(self, reason: str, ended_by: int) -> None:
        """Says bye for a process that ends at once: never waits, whatever is being sent."""
        if not self._writing.acquire(blocking=False):
            return
        payload = frames.encode_fields({"reason": reason, "endedBy": ended_by})
        try:
            self.socket.send(frames.encode(frames.BYE, 0, payload), MSG_DONTWAIT)
        except OSError:
            pass  # the executor sees the exit status

    def for_asyncio(self):
        """The same connection as a socket that asyncio takes."""
        from socket import socket as whole_socket

        self.socket = whole_socket(fileno=self.socket.detach())
        return self.socket

    def close(self) -> None:
        self.socket.close()

    def _read_exactly(self, count: int, with_descriptors: bool = False) -> memoryview | None:
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count:
            if with_descriptors:
                data = self._read_with_descriptors(count - filled)
                buffer[filled : filled + len(data)] = data
                got = len(data)
            else:
                got = self.socket.recv_into(buffer[filled:])
            if got == 0:
                return None
            filled += got
        return buffer

    def _read_with_descriptors(self, count: int) -> bytes:
        room = CMSG_LEN(_MAX_DESCRIPTORS * array.array("i").itemsize)
        data, ancillary, _, _ = self.socket.recvmsg(count, room)
        for level, type, content in ancillary:
            if level == SOL_SOCKET and type == SCM_RIGHTS:
                descriptors = array.array("i")
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
                self.received += descriptors
        return data


def connect(path: str, token: str) -> int:
    """A connection that begins with a token which only the executor knows."""
    connecting = socket(AF_UNIX, SOCK_STREAM)
    try:
        connecting.connect(path)
        connecting.sendall(token.encode())
    except BaseException:
        connecting.close()
        raise
    return connecting.detach()
