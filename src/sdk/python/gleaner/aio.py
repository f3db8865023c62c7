"""The same calls for programs with asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any, AsyncIterator, Generator, Iterable, Optional

from .api.cancellation import Cancellation
from .calls.many import MapResult
from .connection import Connection
from .connection import connect as connect_blocking


class AsyncConnection:
    """At most `max_workers` requests at a time; further ones wait for a thread."""

    def __init__(self, connection: Connection, max_workers: int = 64) -> None:
        self._connection = connection
        self._threads = concurrent.futures.ThreadPoolExecutor(max_workers, "gleaner")

    async def invoke(
        self, function: str, input: object = None, *, timeout: Optional[float] = None
    ) -> Any:
        """As Connection.invoke(); cancelling the task cancels the call."""
        cancellation = Cancellation()

        def run() -> Any:
            return self._connection.invoke(
                function, input, timeout=timeout, cancellation=cancellation
            )

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except asyncio.CancelledError:
            cancellation.cancel()
            raise

    async def map(self, function: str, inputs: Iterable[object]) -> AsyncIterator[MapResult]:
        """As Connection.map()."""
        results = self._connection.map(function, inputs)
        step = self._threads.submit(next, results, None)
        try:
            while True:
                found = await asyncio.wrap_future(step)
                if found is None:
                    return
                yield found
                step = self._threads.submit(next, results, None)
        finally:
            self._threads.submit(_close, results, step)

    async def __aenter__(self) -> "AsyncConnection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._connection.close()


def _close(
    results: Generator[MapResult, None, None], step: "concurrent.futures.Future[Any]"
) -> None:
    """Cancels the calls that have not ended."""
    concurrent.futures.wait([step])
    results.close()


async def connect(config_file: Optional[str] = None) -> AsyncConnection:
    """As gleaner.connect()."""
    loop = asyncio.get_running_loop()
    return AsyncConnection(await loop.run_in_executor(None, connect_blocking, config_file))
