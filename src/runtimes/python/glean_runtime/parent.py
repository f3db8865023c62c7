"""The parent of workers: imports the handler's module once, and forks workers that are ready in
milliseconds."""

from __future__ import annotations

import gc
import os
import select
import sys

# As in exits.
import _signal as signal

from . import errors, frames
from .connection import EXECUTOR_DESCRIPTOR, Connection, connect
from .fork_safety import find_hazard, open_descriptors
from .greeting import greet
from .handler import Handler, load
from .prints import STDERR, STDOUT, Prints
from .worker import Settings

Child = tuple  # of its connection and its handler


class Parent:
    def __init__(self, connection: Connection, prints: Prints) -> None:
        self._connection = connection
        self._prints = prints
        self._handler: Handler | None = None
        #: The id of the fork that made each child.
        self._children: dict[int, int] = {}
        # A byte arrives when a child ends.
        self._wakes, wake = os.pipe()
        self._own_descriptors = (self._wakes, wake)
        for descriptor in self._own_descriptors:
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> Child | None:
        """Returns in each child what it works with, and None at the parent's own end."""
        while True:
            ready, _, _ = select.select([self._connection.socket, self._wakes], [], [])
            if self._wakes in ready:
                self._report_ends()
            if self._connection.socket not in ready:
                continue
            frame = self._connection.read(with_descriptors=True)
            if frame is None or frame.type == frames.BYE:
                return None
            if frame.type == frames.LOAD:
                self._load(frame)
            elif frame.type == frames.FORK:
                child = self._fork(frame)
                if child is not None:
                    return child

    def _load(self, frame: frames.Frame) -> None:
        settings = Settings(frames.decode_fields(frame.payload))
        self._prints.set_limit(settings.log_limit_bytes)
        before = open_descriptors()
        try:
            handler = load(settings.directory, settings.handler)
            hazard = find_hazard(before)
            if hazard is not None:
                message = f"workers cannot be forked: {hazard}, or deploy with --no-fork"
                raise errors.UserError("exception", "UnsafeToFork", message)
        except BaseException as error:
            self._prints.other.flush()
            self._connection.send_fields(frames.LOAD_FAILED, 0, errors.describe(error))
            return
        self._handler = handler
        # What is imported stays, so that collections in the children copy none of its pages. To
        # collect what is garbage already would take a tenth of the import.
        gc.freeze()
        self._prints.other.flush()
        self._connection.send_fields(frames.LOADED, 0, {"concurrency": settings.concurrency})

    def _fork(self, frame: frames.Frame) -> Child | None:
        received, self._connection.received = self._connection.received, []
        opened = list(received)
        try:
            fields = frames.decode_fields(frame.payload)
            if not received:
                opened.append(connect(fields["path"], fields["token"]))
            if "outputToken" in fields:
                opened.append(connect(fields["path"], fields["outputToken"]))
            if self._handler is None:
                raise OSError("no handler was loaded")
            pid = os.fork()
        except (OSError, KeyError) as error:
            for descriptor in opened:
                os.close(descriptor)
            self._connection.send_fields(frames.FORK_FAILED, frame.id, errors.describe(error))
            return None
        if pid == 0:
            return self._become_child(*opened)
        for descriptor in opened:
            os.close(descriptor)
        self._children[pid] = frame.id
        self._connection.send_fields(frames.FORKED, frame.id, {"pid": pid})
        return None

    def _become_child(self, peer: int, output: int | None = None) -> Child:
        # Signals that it sends to its own group must not reach its parent and its siblings.
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in self._own_descriptors:
            os.close(descriptor)
        self._connection.socket.detach()
        os.dup2(peer, EXECUTOR_DESCRIPTOR)
        os.close(peer)
        if output is not None:
            os.dup2(output, STDOUT)
            os.dup2(output, STDERR)
            os.close(output)
        connection = Connection()
        _differ_from_parent()
        # The last step: a child that stands by is frozen after it.
        greet(connection)
        return connection, self._handler

    def _report_ends(self) -> None:
        try:
            while os.read(self._wakes, 512):
                pass
        except BlockingIOError:
            pass
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            id = self._children.pop(pid, None)
            # Others are what the user's module started.
            if id is not None:
                signalled = os.WIFSIGNALED(status)
                end = {
                    "exitCode": 0 if signalled else os.WEXITSTATUS(status),
                    "signal": os.WTERMSIG(status) if signalled else 0,
                }
                self._connection.send_fields(frames.CHILD_ENDED, id, end)


def _differ_from_parent() -> None:
    """Children must not all draw the same numbers."""
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            module.seed()
