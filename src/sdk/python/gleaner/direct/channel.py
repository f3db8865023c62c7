"""One proven connection to a worker, which has one call at a time. The thread that calls sends and
reads by itself, so that no other one has to be woken."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import time
from typing import Any, Dict, Optional, Sequence, Tuple

from ..api.cancellation import Cancellation, shut
from ..payloads import Buffer, Content
from . import frames
from .extension import exchange
from .reader import ROOM_BYTES, Interrupted, Reader, check, left_ms, wait_for
from .sockets import SHORTEST_S, connect, is_quiet, limit_waits

#: Copying a short payload is cheaper than to send it in parts.
_COPIED_BYTES = 16 * 1024
#: A worker that runs no call of this program proves itself in this time.
_HANDSHAKE_S = 5.0
_COUNT = re.compile(r"0*[1-9][0-9]{0,14}", re.ASCII)


#: Type of the frame (RESULT, ERROR, BUSY or ENDED), content type, payload. A named tuple takes many
#: times as long to make.
Answer = Tuple[int, str, bytes]


class Channel:
    """Raises OSError, EOFError or FrameError once the connection is of no use; BlockingIOError once
    the time is over."""

    def __init__(
        self,
        endpoint: Dict[str, Any],
        until: float,
        is_busy: bool = False,
        cancellation: Optional[Cancellation] = None,
    ) -> None:
        """`is_busy`: its worker runs a call of this program, and may prove itself behind that.
        `cancellation`: that of the call that waits for it."""
        now = time.monotonic()
        limit_s = max(SHORTEST_S, min(until - now, _HANDSHAKE_S))
        stopping = (
            contextlib.nullcontext()
            if cancellation is None
            else cancellation.stopping(self._shut)
        )
        #: The worker has said that its end is near.
        self.is_terminating = False
        #: How many calls it runs at once.
        self.concurrency = 1
        #: False if a call was sent in part.
        self._is_whole = True
        #: The worker may have a call that it has not answered.
        self._is_asked = False
        #: When the last answer came.
        self.heard_at = 0.0
        self._last_id = 0
        #: Its call was cancelled: it gets no other one.
        self.is_stopped = False
        #: By what is sent to the first one, another thread stops the call.
        self._bell: Optional[Tuple[socket.socket, socket.socket]] = None
        self._socket = connect(endpoint, limit_s)
        self._limit_s: Optional[float] = -1.0
        self._descriptor = self._socket.fileno()
        self._reader = Reader(self._socket)
        try:
            with stopping:
                key = bytes.fromhex(endpoint["key"])
                self._prove(endpoint["worker"], key, until if is_busy else now + limit_s)
        except BaseException:
            self._socket.close()
            raise

    def call(
        self,
        content: Content,
        metadata: bytes,
        limit_s: Optional[float],
        until: Optional[float],
        cancellation: Optional[Cancellation] = None,
    ) -> Answer:
        """`limit_s`: how long it may take, until `until`. Raises Interrupted if it is cancelled
        while it waits for the answer."""
        if cancellation is None:
            return self._call(content, metadata, limit_s, until)
        if self._bell is None:
            self._bell = socket.socketpair()
            self._reader.heed(self._bell[0].fileno())
        with cancellation.stopping(self._stop):
            return self._call(content, metadata, limit_s, until)

    def _call(
        self, content: Content, metadata: bytes, limit_s: Optional[float], until: Optional[float]
    ) -> Answer:
        reader = self._reader
        if limit_s != self._limit_s or reader.has_limited:
            self._limit_s = reader.limit_s = limit_s
            reader.has_limited = False
            limit_waits(self._socket, limit_s)
        self._last_id = id = self._last_id + 1
        bell = reader.bell
        is_short = content.size <= _COPIED_BYTES
        # Parts are sent from where they are, and the wait to send a long one can be stopped.
        is_sent_so = is_short or (bell < 0 and len(content.parts) == 1)
        if exchange is not None and is_sent_so and reader.is_ready:
            data = content.joined()
            self._is_whole = is_short
            # Without a bell, the socket's own limit ends the wait.
            left = None if bell < 0 else left_ms(until)
            self._is_asked = True
            got = exchange(
                self._descriptor,
                reader.room,
                frames.CALL,
                id,
                data,
                metadata,
                bell,
                -1 if left is None else int(left),
                reader.ask_bytes,
                -1.0 if until is None else until,
                -1.0 if limit_s is None else limit_s,
            )
            self._is_whole = True
            if isinstance(got, tuple):
                self._is_asked = False
                self.heard_at = time.monotonic()
                if len(got[2]) > ROOM_BYTES or reader.ask_bytes < ROOM_BYTES:
                    reader.took(got)
                return got
            if got is not None:
                reader.take_in(got)
        else:
            self._is_asked = True
            self._send(frames.CALL, id, content, metadata, until)
        while True:
            type, answered, content_type, payload = reader.frame(until)
            if answered == id:
                self._is_asked = False
                self.heard_at = time.monotonic()
                return type, content_type.decode("latin-1"), payload
            if type == frames.TERMINATING:
                self.is_terminating = True
            elif answered == 0 or answered > id:
                raise EOFError("the worker ended the connection")
            # One answer too many to an earlier call does no harm.
            check(until)

    def is_quiet(self) -> bool:
        """False if something arrived while nothing was called: that announces the end."""
        return is_quiet(self._socket)

    def abandon(self) -> bool:
        """Asks for the end of a call for which nobody waits any more. It is not quiet here once the
        worker has answered that. False if it has no call, or the connection is of no use."""
        if not self._is_asked or not self._is_whole:
            return False
        cancel = frames.encode_head(frames.CANCEL, self._last_id, b"", 0)
        with contextlib.suppress(OSError):
            self._socket.send(cancel, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return True
        return False

    def _stop(self) -> None:
        """From any thread. In the middle of an answer, the connection is of no use then."""
        self.is_stopped = True
        if self._bell is not None:
            self._bell[1].send(b"\0")
        if self._reader.is_moving:
            self._shut()

    def _shut(self) -> None:
        shut(self._socket)

    def close(self) -> None:
        self._socket.close()
        for end in self._bell or ():
            end.close()

    def _prove(self, worker: str, key: bytes, until: float) -> None:
        nonce = os.urandom(32).hex()
        hello = {"version": "1", "worker": worker, "nonce": nonce}
        theirs = self._ask(frames.CLIENT_HELLO, hello, frames.WORKER_HELLO, until)
        about = (worker, nonce, theirs.get("nonce", ""))
        if not frames.is_proof(theirs.get("proof", ""), key, "worker", *about):
            raise frames.FrameError("who listens there does not know the lease's key")
        proof = {"proof": frames.proof_of(key, "client", *about)}
        accepted = self._ask(frames.CLIENT_PROOF, proof, frames.ACCEPTED, until)
        if not _COUNT.fullmatch(accepted.get("maxInFlight", "")):
            raise frames.FrameError("the worker accepts no calls")
        if _COUNT.fullmatch(accepted.get("concurrency", "")):
            self.concurrency = int(accepted["concurrency"])

    def _ask(
        self, type: int, fields: Dict[str, str], expected: int, until: float
    ) -> Dict[str, str]:
        limit_waits(self._socket, max(SHORTEST_S, until - time.monotonic()))
        self._send(type, 0, Content("", frames.encode_fields(fields)), b"", until)
        answer, _, _, payload = self._reader.frame(until)
        answered = frames.decode_fields(payload)
        if answer != expected:
            raise frames.FrameError(answered.get("reason", "the worker refused the connection"))
        return answered

    def _send(
        self, type: int, id: int, content: Content, metadata: bytes, until: Optional[float]
    ) -> None:
        head = frames.encode_head(type, id, metadata, content.size)
        if content.size <= _COPIED_BYTES:
            self._socket.sendall(b"".join((head, *content.parts)))
            return
        parts = (head, *content.parts)
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        if self._bell is not None:
            room.register(self._bell[0], select.POLLIN)
        self._is_whole = False
        sent = self._send_some(parts, room, until)
        for part in parts:
            view = memoryview(part)
            while sent < len(view):
                sent += self._send_some((view[sent:],), room, until)
            sent -= len(view)
        self._is_whole = True

    def _send_some(
        self, parts: Sequence[Buffer], room: select.poll, until: Optional[float]
    ) -> int:
        found = wait_for(room, until)
        if self._bell is None:
            return self._socket.sendmsg(parts)
        if any(descriptor != self._descriptor for descriptor, _ in found):
            raise Interrupted
        # A call that may be stopped waits nowhere else: to shut the connection would leave open
        # whether the worker has the call.
        with contextlib.suppress(BlockingIOError):
            return self._socket.sendmsg(parts, (), socket.MSG_DONTWAIT)
        return 0
