"""pdb around a handler, in a worker that a user runs on a terminal: it reads descriptor 0 and writes
to descriptor 4, since what is printed goes to the executor."""

from __future__ import annotations

import functools
import os
import pdb
import sys

from .handler import Handler

_TERMINAL_OUTPUT = 4


def stop_in(handler: Handler) -> None:
    """From now on each call stops where the handler begins."""
    debugger = pdb.Pdb(
        stdin=open(0, closefd=False), stdout=os.fdopen(_TERMINAL_OUTPUT, "w"), nosigint=True
    )
    function = handler.function

    @functools.wraps(function)
    def call(*arguments):
        return debugger.runcall(function, *arguments)

    @functools.wraps(function)
    async def call_async(*arguments):
        debugger.reset()
        sys.settrace(debugger.trace_dispatch)
        try:
            return await function(*arguments)
        finally:
            debugger.quitting = True
            sys.settrace(None)

    handler.function = call_async if handler.is_async else call
