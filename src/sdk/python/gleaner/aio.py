"""The same calls for programs with asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from typing import TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Generator, Iterable
from typing import List, Optional, TypeVar

from .api.cancellation import Cancellation
from .calls.many import MapResult
from .connection import Connection
from .connection import connect as connect_blocking

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from .direct.lease import Lease

    P = ParamSpec("P")
T = TypeVar("T")
Self = TypeVar("Self", bound="_Closing")


def _as(
    blocking: "Callable[Concatenate[Any, P], Any]",
) -> "Callable[[Callable[..., T]], Callable[Concatenate[Any, P], T]]":
    """Gives a method the parameters of the blocking one."""

    def wrap(method: "Callable[..., T]") -> "Callable[Concatenate[Any, P], T]":
        return functools.wraps(blocking, assigned=("__doc__", "__annotations__"))(method)

    return wrap


class _Threads:
    """Those in which blocking calls wait; further calls wait for a thread."""

    def __init__(self, max_workers: int) -> None:
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers, "gleaner")

    async def run(self, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, do)

    async def cancellable(self, do: Callable[[Cancellation], T]) -> T:
        """Cancelling the task cancels the call."""
        cancellation = Cancellation()
        try:
            return await self.run(lambda: do(cancellation))
        except asyncio.CancelledError:
            cancellation.cancel()
            raise

    async def iterate(self, results: Generator[T, None, None]) -> AsyncIterator[T]:
        step = self.pool.submit(next, results, None)
        try:
            while True:
                found = await asyncio.wrap_future(step)
                if found is None:
                    return
                yield found
                step = self.pool.submit(next, results, None)
        finally:
            self.pool.submit(_close, results, step)


class _Closing:
    async def close(self) -> None:
        raise NotImplementedError

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncLease(_Closing):
    """As Lease, with as many calls at a time as its connection has threads."""

    def __init__(self, lease: "Lease", threads: _Threads) -> None:
        self._lease = lease
        self._threads = threads

    @property
    def id(self) -> str:
        """As Lease.id."""
        return self._lease.id

    @property
    def state(self) -> str:
        return self._lease.state

    @property
    def workers(self) -> List[str]:
        """Those that serve now."""
        return self._lease.workers

    async def invoke(self, input: object = None, *, timeout: Optional[float] = None) -> Any:
        """As Lease.invoke(); cancelling the task cancels the call."""
        return await self._threads.cancellable(
            lambda stop: self._lease.invoke(input, timeout=timeout, cancellation=stop)
        )

    def map(
        self, inputs: Iterable[object], *, window: int = 256, timeout: Optional[float] = None
    ) -> AsyncIterator[MapResult]:
        """As Lease.map()."""
        return self._threads.iterate(self._lease.map(inputs, window=window, timeout=timeout))

    async def end(self) -> None:
        await self._threads.run(self._lease.end)

    close = end


class AsyncConnection(_Closing):
    """At most `max_workers` requests at a time; further ones wait for a thread."""

    def __init__(self, connection: Connection, max_workers: int = 64) -> None:
        self._connection = connection
        self._threads = _Threads(max_workers)

    async def invoke(
        self,
        function: str,
        input: object = None,
        *,
        timeout: Optional[float] = None,
        time_limit: Optional[float] = None,
    ) -> Any:
        """As Connection.invoke(); cancelling the task cancels the call."""
        return await self._threads.cancellable(
            lambda stop: self._connection.invoke(
                function, input, timeout=timeout, time_limit=time_limit, cancellation=stop
            )
        )

    def map(
        self,
        function: str,
        inputs: Iterable[object],
        *,
        window: Optional[int] = None,
        time_limit: Optional[float] = None,
    ) -> AsyncIterator[MapResult]:
        """As Connection.map()."""
        results = self._connection.map(function, inputs, window=window, time_limit=time_limit)
        return self._threads.iterate(results)

    @_as(Connection.lease)
    async def lease(self, *args: Any, **kwargs: Any) -> AsyncLease:
        lease = await self._threads.run(lambda: self._connection.lease(*args, **kwargs))
        return AsyncLease(lease, self._threads)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._threads.pool.shutdown)
        self._connection.close()


def _close(results: Generator[Any, None, None], step: "concurrent.futures.Future[Any]") -> None:
    """Cancels the calls that have not ended."""
    concurrent.futures.wait([step])
    results.close()


async def connect(config_file: Optional[str] = None, max_workers: int = 64) -> AsyncConnection:
    """As gleaner.connect(). `max_workers`: the most requests and calls at a time."""
    loop = asyncio.get_running_loop()
    connection = await loop.run_in_executor(None, connect_blocking, config_file)
    return AsyncConnection(connection, max_workers)
