"""The life of a worker after its hello: load, calls, the end."""

from __future__ import annotations

import faulthandler
import os
import threading

from . import errors, frames, loops
from .connection import Connection
from .exits import Exits
from .handler import Handler, load
from .prints import Prints
from .worker import Settings

#: Until `load` names one.
_FIRST_LOG_LIMIT_BYTES = 1024 * 1024
_BROKEN = 1
#: The longest block that glibc may keep, and the part of its memory that a worker may keep as one.
_MOST_FREED_ONCE_BYTES = 31 * 1024 * 1024
_FREED_ONCE_SHARE = 8
_MEGABYTE = 1024 * 1024


def main(arguments: list[str], connection: Connection) -> int:
    """`connection`: one over which hello was said."""
    # A crash in native code leaves its stack in the worker's output.
    faulthandler.enable()
    _keep_freed()
    prints = Prints(_log_to(connection), _FIRST_LOG_LIMIT_BYTES)
    prints.capture()
    exits = Exits(prints)
    exits.watch()
    handler: Handler | None = None
    if arguments == ["--parent"]:
        from .parent import Parent  # workers that start by themselves never need it

        child = Parent(connection, prints).serve()
        if child is None:
            return 0
        connection, handler = child
        prints.send = _log_to(connection)
    exits.tell = connection.send_last
    _detach_when_forked(connection, prints, exits)
    try:
        _work(connection, prints, handler, is_debugged=arguments == ["--pdb"])
    except OSError:
        # The handler closed the connection, or its executor is gone: there is nobody to tell.
        os._exit(_BROKEN)
    if threading.active_count() > 1:
        # A thread that a handler left behind, or a call that runs, must not hold the process.
        os._exit(0)
    return 0


def _keep_freed() -> None:
    """Keeps memory that a call frees for the next one: above a limit of 128 KiB, glibc gives it
    back, and the kernel clears each page of the next call's arrays and payloads. The limit becomes
    twice the size of a freed block that had pages of its own, at most 64 MiB (mallopt(3),
    M_MMAP_THRESHOLD). Nobody writes to this one, so that it takes no memory."""
    memory_mb = int(os.environ.get("GLEANER_MEMORY_MB", "1024"))
    bytes(min(_MOST_FREED_ONCE_BYTES, memory_mb * _MEGABYTE // _FREED_ONCE_SHARE))


def _log_to(connection: Connection):
    return lambda id, stream, data: connection.send(frames.LOG, id, data, bytes([stream]))


def _work(
    connection: Connection, prints: Prints, handler: Handler | None, is_debugged: bool
) -> None:
    """`handler` is one that was loaded before this process was forked."""
    frame = connection.read()
    if frame is None or frame.type != frames.LOAD:
        return
    settings = Settings(frames.decode_fields(frame.payload))
    prints.set_limit(settings.log_limit_bytes)
    try:
        if handler is None:
            handler = load(settings.directory, settings.handler)
        handler.after_fork()
        if is_debugged:
            from .debugger import stop_in  # loads pdb, which workers on nodes never need

            stop_in(handler)
    except BaseException as error:
        prints.other.flush()
        connection.send_fields(frames.LOAD_FAILED, 0, errors.describe(error))
        connection.read()
        return
    prints.other.flush()
    connection.send_fields(frames.LOADED, 0, {"concurrency": settings.concurrency})
    loops.serve(connection, handler, settings, prints)


def _detach_when_forked(connection: Connection, prints: Prints, exits: Exits) -> None:
    """A process that a handler forks must not answer for its parent."""

    def detach() -> None:
        prints.to_descriptors()
        exits.tell = None
        connection.close()

    os.register_at_fork(after_in_child=detach)
