"""How calls run at once: one after the other, in threads, or in an event loop."""

from __future__ import annotations

import threading
import time

from . import errors, frames
from .connection import Connection
from .exits import Alarms
from .handler import Handler
from .prints import Prints
from .worker import Answer, Call, Settings, call_in, cancelled, error_of, result_of, run_blocking


def serve(
    connection: Connection, handler: Handler, settings: Settings, prints: Prints
) -> None:
    """Runs calls until the executor says bye or is gone."""
    if handler.is_async:
        from .event_loop import run  # takes 30 ms, for handlers that have loaded asyncio anyhow

        run(_AsyncLoop(connection, handler, settings, prints).serve())
    elif settings.concurrency > 1:
        _Threads(connection, handler, settings, prints).serve()
    else:
        _serve_in_order(connection, handler, settings, prints)


def _serve_in_order(
    connection: Connection, handler: Handler, settings: Settings, prints: Prints
) -> None:
    """A cancel is read only after the call that it means, so it has no effect."""
    alarms = Alarms()
    while True:
        frame = connection.read()
        if frame is None or frame.type == frames.BYE:
            return
        if frame.type == frames.CALL:
            prints.renew()
            call = call_in(frame, prints)
            prints.only = call.log
            answer = run_blocking(call, handler, settings, prints)
            prints.only = None
            alarms.clear()
            connection.send(*answer)
        elif frame.type == frames.SERVE:
            from .serving import inline  # workers of ordinary calls never need it

            if not inline.serve(connection, handler, settings, prints, frame):
                return


class _Threads:
    def __init__(
        self, connection: Connection, handler: Handler, settings: Settings, prints: Prints
    ) -> None:
        from queue import SimpleQueue  # workers with one call at a time never need it

        self._connection = connection
        self._handler = handler
        self._settings = settings
        self._prints = prints
        #: With the server of a lease whose call it is, if it is one.
        self._waiting = SimpleQueue()
        self._lease = None
        #: Calls that have not begun; whoever removes one answers it.
        self._not_begun: dict[int, Call] = {}

    def serve(self) -> None:
        for number in range(self._settings.concurrency):
            threading.Thread(target=self._run, name=f"call-{number}", daemon=True).start()
        while True:
            frame = self._connection.read()
            if frame is None or frame.type == frames.BYE:
                return
            if frame.type == frames.CALL:
                self._prints.renew()
                call = call_in(frame, self._prints)
                self._not_begun[call.id] = call
                self._waiting.put((None, call))
            elif frame.type == frames.SERVE:
                from .serving.beside import Lease

                tell = self._connection.send
                self._lease = Lease(frame, self._settings, self._prints, tell, self._start_leased)
            elif self._lease is not None and self._lease.takes(frame):
                continue
            elif frame.type == frames.CANCEL and self._not_begun.pop(frame.id, None):
                self._answer(cancelled(frame.id))

    def _start_leased(self, server, call: Call) -> None:
        self._waiting.put((server, call))

    def _run(self) -> None:
        while True:
            server, call = self._waiting.get()
            if server is not None:
                begun = time.monotonic()
                answer = run_blocking(call, self._handler, self._settings, self._prints)
                server.finished(call, answer, time.monotonic() - begun)
            elif self._not_begun.pop(call.id, None) is not None:
                self._answer(run_blocking(call, self._handler, self._settings, self._prints))

    def _answer(self, answer: Answer) -> None:
        self._connection.send(*answer)


class _AsyncLoop:
    def __init__(
        self, connection: Connection, handler: Handler, settings: Settings, prints: Prints
    ) -> None:
        self._connection = connection
        self._handler = handler
        self._settings = settings
        self._prints = prints
        self._waiting: list[Call] = []
        self._running: dict[int, tuple] = {}
        self._lease = None
        self._leased: dict[Call, object] = {}

    async def serve(self) -> None:
        import asyncio

        self._asyncio = asyncio
        self._loop = asyncio.get_running_loop()
        reader, self._writer = await asyncio.open_connection(sock=self._connection.for_asyncio())
        self._prints.send = self._send_log
        while True:
            frame = await self._read(reader)
            if frame is None or frame.type == frames.BYE:
                return
            if frame.type == frames.CALL:
                self._prints.renew()
                self._waiting.append(call_in(frame, self._prints))
                self._run_next()
            elif frame.type == frames.SERVE:
                from .serving.beside import Lease

                self._lease = Lease(
                    frame,
                    self._settings,
                    self._prints,
                    self._tell,
                    lambda server, call: self._soon(self._start_leased, server, call),
                    lambda call: self._soon(self._cancel_leased, call),
                )
            elif self._lease is not None and self._lease.takes(frame):
                continue
            elif frame.type == frames.CANCEL:
                self._cancel(frame.id)

    def _soon(self, do, *arguments: object) -> None:
        self._loop.call_soon_threadsafe(do, *arguments)

    def _tell(self, type: int, id: int, payload: bytes, metadata: bytes) -> None:
        self._soon(self._writer.write, frames.encode(type, id, payload, metadata))

    def _start_leased(self, server, call: Call) -> None:
        self._leased[call] = self._loop.create_task(self._run_leased(server, call))

    def _cancel_leased(self, call: Call) -> None:
        if call in self._leased:
            call.is_cancelled = True
            self._leased[call].cancel()

    async def _run_leased(self, server, call: Call) -> None:
        begun = time.monotonic()
        answer = await self._answer_of(call)
        del self._leased[call]
        server.finished(call, answer, time.monotonic() - begun)

    async def _read(self, reader) -> frames.Frame | None:
        try:
            header = frames.decode_header(await reader.readexactly(frames.HEADER.size))
            metadata = await reader.readexactly(header.metadata_bytes)
            payload = await reader.readexactly(header.payload_bytes)
        except (self._asyncio.IncompleteReadError, ConnectionError):
            return None
        return frames.Frame(header.type, header.id, metadata, payload)

    def _run_next(self) -> None:
        while self._waiting and len(self._running) < self._settings.concurrency:
            call = self._waiting.pop(0)
            self._running[call.id] = (call, self._loop.create_task(self._run(call)))

    async def _run(self, call: Call) -> None:
        answer = await self._answer_of(call)
        self._running.pop(call.id)
        self._send(answer)
        self._run_next()

    async def _answer_of(self, call: Call) -> Answer:
        # Each task has a context of its own, which the tasks that it starts inherit.
        self._prints.current.set(call.log)
        try:
            result = await self._handler.call(call)
            answer = result_of(call, result, self._settings.output_limit_bytes)
        except BaseException as error:
            fields = errors.describe(error)
            if call.is_cancelled and fields["kind"] == "exception":
                fields["kind"] = "cancelled"
            answer = error_of(call.id, fields)
        call.log.flush()
        return answer

    def _cancel(self, id: int) -> None:
        for call in self._waiting:
            if call.id == id:
                self._waiting.remove(call)
                self._send(cancelled(id))
                return
        if id in self._running:
            call, task = self._running[id]
            call.is_cancelled = True
            task.cancel()

    def _send(self, answer: Answer) -> None:
        self._writer.write(frames.encode(*answer))

    def _send_log(self, id: int, stream: int, data: bytes) -> None:
        frame = frames.encode(frames.LOG, id, data, bytes([stream]))
        if threading.current_thread() is threading.main_thread():
            self._writer.write(frame)
        else:
            self._loop.call_soon_threadsafe(self._writer.write, frame)
