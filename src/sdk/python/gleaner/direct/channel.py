"""One proven connection to a worker, which has one call at a time."""

from __future__ import annotations

import hmac
import io
import os
import select
import socket
from typing import Any, Dict, NamedTuple, Optional

from ..calls.deadline import Deadline
from ..payloads import Content
from . import frames

_CONNECT_S = 5.0
_COPIED_BYTES = 64 * 1024
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 1),
    (socket.TCP_KEEPINTVL, 1),
    (socket.TCP_KEEPCNT, 5),
    (socket.TCP_USER_TIMEOUT, 5_000),
    (socket.TCP_NODELAY, 1),
)


class Answer(NamedTuple):
    """`type` is that of the frame: RESULT, ERROR, BUSY or ENDED."""

    type: int
    content_type: str
    payload: bytes


class Channel:
    """Raises OSError, EOFError or FrameError once the connection is of no use."""

    def __init__(self, endpoint: Dict[str, Any]) -> None:
        self._last_id = 0
        self._socket = _connect(endpoint)
        try:
            self._prove(endpoint["worker"], bytes.fromhex(endpoint["key"]))
        except BaseException:
            self._socket.close()
            raise

    def call(self, content: Content, name: str, deadline: Deadline) -> Answer:
        left_s = deadline.left_s()
        self._socket.settimeout(left_s)
        self._last_id += 1
        deadline_ms = 0 if left_s is None else min(2**32 - 1, int(left_s * 1000) + 1)
        head = frames.call_head(deadline_ms, content.content_type, name)
        self._send(frames.CALL, self._last_id, content, head)
        while True:
            header, metadata, payload = self._read()
            if header.type == frames.BYE or (header.type == frames.ENDED and header.id == 0):
                raise EOFError("the worker ended the connection")
            if header.id == self._last_id:
                return Answer(header.type, metadata.decode("ascii", "replace"), payload)

    @property
    def is_open(self) -> bool:
        """False if something arrived while nothing was called: that announces the end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._socket.close()

    def _prove(self, worker: str, key: bytes) -> None:
        nonce = os.urandom(32).hex()
        hello = {"version": "1", "worker": worker, "nonce": nonce}
        theirs = self._ask(frames.CLIENT_HELLO, hello, frames.WORKER_HELLO)
        expected = frames.proof_of(key, "worker", worker, nonce, theirs.get("nonce", ""))
        if not hmac.compare_digest(theirs.get("proof", "").encode(), expected.encode()):
            raise frames.FrameError("who listens there does not know the lease's key")
        proof = frames.proof_of(key, "client", worker, nonce, theirs["nonce"])
        self._ask(frames.CLIENT_PROOF, {"proof": proof}, frames.ACCEPTED)

    def _ask(self, type: int, fields: Dict[str, str], expected: int) -> Dict[str, str]:
        self._send(type, 0, Content("", frames.encode_fields(fields)))
        header, _, payload = self._read()
        answered = frames.decode_fields(payload)
        if header.type != expected:
            raise frames.FrameError(answered.get("reason", "the worker refused the connection"))
        return answered

    def _send(self, type: int, id: int, content: Content, metadata: bytes = b"") -> None:
        head = frames.encode_head(type, id, metadata, content.size)
        if content.size <= _COPIED_BYTES:
            self._socket.sendall(b"".join((head, *content.parts)))
            return
        for part in (head, *content.parts):
            self._socket.sendall(part)

    def _read(self) -> "tuple[frames.Header, bytes, bytes]":
        header = frames.decode_header(self._exactly(frames.HEADER.size))
        metadata = self._exactly(header.metadata_bytes)
        return header, metadata, self._exactly(header.payload_bytes)

    def _exactly(self, count: int) -> bytes:
        """Filled where it will stay: BytesIO gives its own bytes if it has as many as it holds."""
        data = io.BytesIO(bytes(count))
        with data.getbuffer() as room:
            filled = 0
            while filled < count:
                got = self._socket.recv_into(room[filled:])
                if got == 0:
                    raise EOFError("the worker is gone")
                filled += got
        return data.getvalue()


def _connect(endpoint: Dict[str, Any]) -> socket.socket:
    """By the unix socket if the worker is on this host and can be reached so, else by TCP."""
    local = _connect_here(endpoint["socket"]) if endpoint["hostId"] == _host_id() else None
    if local is not None:
        return local
    address = (endpoint["host"], endpoint["port"])
    connected = socket.create_connection(address, _CONNECT_S)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
    return connected


def _connect_here(name: str) -> Optional[socket.socket]:
    bare = b"\0" + name.encode("ascii")
    # Workers in node 20 name it with zeros to the end.
    for address in (bare, bare.ljust(108, b"\0")):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(_CONNECT_S)
        try:
            connected.connect(address)
            return connected
        except OSError:
            connected.close()
    return None


def _host_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
