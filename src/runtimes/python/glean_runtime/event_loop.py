"""The event loop of async handlers, which outlives what their tasks do."""

from __future__ import annotations

import asyncio
import sys
from typing import Coroutine


def run(main: Coroutine) -> None:
    """Like asyncio.run(), but that sys.exit() ends the task alone that calls it: a call may have
    ended and left it behind, and others run."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        _complete(loop, loop.create_task(main))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            _complete(loop, asyncio.gather(*left, return_exceptions=True))
        _complete(loop, loop.create_task(loop.shutdown_asyncgens()))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _complete(loop: asyncio.AbstractEventLoop, awaited: asyncio.Future) -> None:
    while True:
        try:
            loop.run_until_complete(awaited)
            return
        except SystemExit as error:
            if awaited.done():
                return
            print(f"a task called sys.exit({error.code!r}), which ended it", file=sys.stderr)
