"""Serves clients: one thread has all connections, and calls run in it or elsewhere."""

from __future__ import annotations

import functools
import os
import select
import socket
import struct
import time
from collections import deque
from typing import Callable, Optional

from .. import frames
from ..prints import CallLog, Prints
from ..worker import Answer, Call, Settings, call_of, cancelled
from .admission import MAX_IN_FLIGHT, Admission
from .client import Client, Frame
from .extension import extension
from .handshake import Refusal
from .listeners import Listeners
from .lone import Lone
from .poller import Poller
from .usage import Usage

_END_WITHIN_S = 1.0
_LOOK_AFTER_S = 1.0
#: So long calls run in turn before the connections are looked at again.
_TURN_S = 0.005

#: Sends a frame to the executor: type, id, payload, metadata.
Tell = Callable[[int, int, bytes, bytes], None]
#: A server's sockets must not outlive it in what a handler forks.
_active: set["Server"] = set()
os.register_at_fork(after_in_child=lambda: [each.close() for each in list(_active)])


class Server:
    """`start(call)` begins a call elsewhere, which ends with finished(); None: calls run here, by
    `run_here`."""

    def __init__(
        self,
        serve: frames.Frame,
        settings: Settings,
        prints: Prints,
        tell: Tell,
        run_here: Optional[Callable[[Call], Answer]] = None,
        start: Optional[Callable[["Server", Call], None]] = None,
        cancel: Callable[[Call], None] = lambda call: None,
    ) -> None:
        fields = frames.decode_fields(serve.payload)
        self.id = serve.id
        self._settings, self._prints, self._tell = settings, prints, tell
        self._run_here, self._start, self._cancel = run_here, start, cancel
        self.log = CallLog(prints, self.id)
        self._clients: dict[int, Client] = {}
        self._waiting: deque[tuple[Client, Call]] = deque()
        self._running: dict[Call, Client] = {}
        self._ending_at: Optional[float] = None
        self._looked_at = 0.0
        self.is_over = False
        self._usage = Usage(lambda fields: tell(frames.USAGE, self.id, fields, b""))
        self._listeners = Listeners(fields.get("ports", "0"))
        self._admission = Admission(fields, settings.concurrency, self._usage)
        self._poller = Poller(int(fields["hotMs"]))
        self._lone = Lone(self._poller, self._usage, self.log, run_here)
        #: Has just made a call, and is likely to make the next one.
        self._next_lone: Optional[Client] = None
        self.watch, self.post = self._poller.watch, self._poller.post
        for listener in self._listeners.all:
            self.watch(listener, lambda _, listener=listener: self._accept(listener))
        _active.add(self)
        where = {"port": self._listeners.port, "socket": self._listeners.name}
        tell(frames.SERVING, self.id, frames.encode_fields(where), b"")

    def run(self) -> None:
        """Returns once serving is over."""
        while not self.is_over:
            lone, self._next_lone = self._next_lone, None
            if lone is not None and self._is_next(lone) and not lone.is_closed:
                self._serve_lone(lone)
            else:
                self._poller.turn(self._patience_s())
            if self._waiting:
                self._run_waiting()
            if not self.is_over:
                self._look_after()

    def finished(self, call: Call, answer: Answer, busy_s: float) -> None:
        """From another thread: a call that was started has ended."""
        self.post(lambda: self._finish(call, answer, busy_s))

    def terminate(self, frame: frames.Frame) -> None:
        """Tells clients that the end is near; nobody can connect any more."""
        self._close_listeners()
        for client in list(self._clients.values()):
            if client.is_proven:
                client.send(frames.DIRECT_TERMINATING, 0, frame.payload)
                self._rewatch(client)

    def end(self) -> None:
        """Begins the end; the executor is told when it is reached."""
        if self._ending_at is not None:
            return
        self._ending_at = time.monotonic() + _END_WITHIN_S
        self._close_listeners()
        while self._waiting:
            client, call = self._waiting.popleft()
            if client.calls.pop(call.id, None) is not None:
                client.send(frames.ENDED, call.id)
                self._rewatch(client)

    def close(self) -> None:
        """Also in a process that a handler forked."""
        self.is_over = True
        _active.discard(self)
        self._listeners.close()
        for client in self._clients.values():
            client.close()
        self._poller.close()

    def _patience_s(self) -> float:
        if self._waiting and self._has_room:
            return 0.0
        return 0.05 if self._ending_at is not None else _LOOK_AFTER_S if self._clients else -1.0

    @property
    def _has_room(self) -> bool:
        return self._start is None or len(self._running) < self._settings.concurrency

    def _accept(self, listener: socket.socket) -> None:
        accepted = self._listeners.accept(listener)
        if accepted is None:
            return
        connected, origin = accepted
        client = Client(connected, origin, self._admission.handshake())
        for each in self._admission.arrived(client):
            self._drop(each)
        self._clients[connected.fileno()] = client
        self.watch(connected, functools.partial(self._client_ready, client))

    def _serve_lone(self, client: Client) -> None:
        try:
            arrived = self._lone.serve(client, self._looked_at + _LOOK_AFTER_S)
        except frames.ProtocolError:
            return self._drop(client)
        if arrived is not None:
            self._client_ready(client, select.EPOLLIN, arrived)
        self._rewatch(client)

    def _client_ready(
        self, client: Client, event: int, received: Optional[bytes] = None
    ) -> None:
        """`received`: what it has sent, if that was read already."""
        try:
            if event & select.EPOLLOUT:
                client.flush()
            if event & ~select.EPOLLOUT:
                arrived = client.read() if received is None else client.take_in(received)
                if len(arrived) == 1 and arrived[0][0] == frames.CALL and self._is_next(client):
                    return self._run_now(client, arrived[0])
                for frame in arrived:
                    self._take(client, *frame)
                    if client.is_closed:
                        return
            self._rewatch(client)
        except BlockingIOError:
            return
        except Refusal as refusal:
            fields = {"code": refusal.code, "reason": str(refusal)}
            client.send_fields(frames.REFUSED, 0, fields)
            self._drop(client)
        except (OSError, EOFError, frames.ProtocolError, ValueError, struct.error):
            self._drop(client)

    def _is_next(self, client: Client) -> bool:
        """Whether a call of this client would be run at once, in this thread."""
        is_serving = client.is_proven and self._ending_at is None
        return is_serving and self._run_here is not None and not self._waiting

    def _run_now(self, client: Client, frame: Frame) -> None:
        """A call by itself, without all that is needed for several: what lies between two short
        calls is a good part of their time."""
        call = self._call_of(client, frame)
        begun = time.monotonic()
        answer = self._run_here(call)
        now = time.monotonic()
        client.send(*answer)
        self._count(now, now - begun)
        self._rewatch(client)
        if extension is not None and client.is_plain:
            self._next_lone = client

    def _take(self, client: Client, type: int, id: int, metadata: bytes, payload: bytes) -> None:
        if type == frames.CALL:
            self._take_call(client, (type, id, metadata, payload))
        elif type == frames.CLIENT_HELLO:
            self._admission.hello(client, payload)
        elif type == frames.CLIENT_PROOF:
            self._admission.prove(client, payload, self._ending_at is not None)
        elif type == frames.CANCEL:
            call = client.calls.get(id)
            if call in self._running:
                self._cancel(call)
            elif call is not None:
                self._answer(client, cancelled(id))
        else:
            self._drop(client)

    def _call_of(self, client: Client, frame: Frame) -> Call:
        _, id, metadata, payload = frame
        client.check_order(id)
        return call_of(id, metadata, payload, self.log)

    def _take_call(self, client: Client, frame: Frame) -> None:
        call = self._call_of(client, frame)
        if self._ending_at is not None:
            client.send(frames.ENDED, call.id)
        elif len(client.calls) >= MAX_IN_FLIGHT:
            client.send(frames.BUSY, call.id)
        else:
            client.calls[call.id] = call
            self._waiting.append((client, call))

    def _run_waiting(self) -> None:
        begun = time.monotonic()
        while self._waiting:
            if not self._has_room:
                return
            client, call = self._waiting.popleft()
            # Its client is gone, or has cancelled it.
            if client.is_closed or call.id not in client.calls:
                continue
            self._running[call] = client
            if self._start is not None:
                self._start(self, call)
                continue
            at = time.monotonic()
            answer = self._run_here(call)
            now = time.monotonic()
            self._finish(call, answer, now - at)
            if now - begun > _TURN_S:
                return

    def _finish(self, call: Call, answer: Answer, busy_s: float) -> None:
        client = self._running.pop(call)
        self._count(time.monotonic(), busy_s)
        self._answer(client, answer)

    def _count(self, now: float, busy_s: float) -> None:
        self._usage.calls += 1
        self._usage.busy_s += busy_s
        self._poller.last_call_at = now

    def _answer(self, client: Client, answer: Answer) -> None:
        client.calls.pop(answer[1], None)
        client.send(*answer)
        self._rewatch(client)

    def _rewatch(self, client: Client) -> None:
        if not client.is_closed and client.events != client.watched:
            client.watched = client.events
            self._poller.modify(client.socket, client.watched)

    def _drop(self, client: Client) -> None:
        if client.is_closed:
            return
        del self._clients[client.socket.fileno()]
        self._poller.forget(client.socket)
        client.close()
        self._admission.left(client)

    def _look_after(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AFTER_S:
            self._looked_at = now
            self._usage.spin_s = self._poller.spin_s
            self._usage.tell_if_due(now)
            for client in list(self._clients.values()):
                if client.is_late(now):
                    self._drop(client)
        if self._ending_at is not None:
            is_busy = self._running or any(each.unsent_since for each in self._clients.values())
            if not is_busy or now >= self._ending_at:
                self._finish_end()

    def _finish_end(self) -> None:
        for client in self._clients.values():
            if client.is_proven:
                client.send(frames.ENDED, 0)
                client.send(frames.BYE, 0)
        self.log.flush()
        self.close()
        self._tell(frames.RESULT, self.id, b"", b"")

    def _close_listeners(self) -> None:
        for listener in self._listeners.all:
            self._poller.forget(listener)
        self._listeners.close()
