"""The blocking connection to the executor: whole frames in, whole frames out, from any thread."""

from __future__ import annotations

import os
import socket
import threading
from typing import Optional

from . import frames

EXECUTOR_DESCRIPTOR = 3
#: Copying a short payload is cheaper than a second write.
MAX_COPIED_BYTES = 64 * 1024


class Connection:
    def __init__(self, descriptor: int = EXECUTOR_DESCRIPTOR) -> None:
        # A process that a handler starts must not get it.
        os.set_inheritable(descriptor, False)
        self.socket = socket.socket(fileno=descriptor)
        self.socket.setblocking(True)
        self._writing = threading.Lock()
        #: Descriptors that came with frames and that nobody has taken yet.
        self.received: list[int] = []

    def read(self, with_descriptors: bool = False) -> Optional[frames.Frame]:
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

    def close(self) -> None:
        self.socket.close()

    def _read_exactly(self, count: int, with_descriptors: bool = False) -> Optional[memoryview]:
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count:
            if with_descriptors:
                data, descriptors, _, _ = socket.recv_fds(self.socket, count - filled, 8)
                self.received += descriptors
                buffer[filled : filled + len(data)] = data
                got = len(data)
            else:
                got = self.socket.recv_into(buffer[filled:])
            if got == 0:
                return None
            filled += got
        return buffer
