"""A concurrent.futures.Executor whose calls are those of one function."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, Set

from .api.cancellation import Cancellation

if TYPE_CHECKING:
    from .connection import Connection

Future = concurrent.futures.Future


class Executor(concurrent.futures.Executor):
    """`submit(input)` calls the function; `map(inputs)` yields results as Executor.map does.

    A future can be cancelled until its call has ended, also while it runs elsewhere.
    """

    def __init__(self, connection: "Connection", function: str, max_workers: int = 64) -> None:
        self._connection = connection
        self._function = function
        # Others look for this name, as dask does.
        self._max_workers = max_workers
        self._threads = concurrent.futures.ThreadPoolExecutor(max_workers, "gleaner")
        self._lock = threading.Lock()
        self._open: Set["Future[Any]"] = set()

    def submit(  # type: ignore[override]
        self, input: object = None, *, timeout: Optional[float] = None
    ) -> "Future[Any]":
        future: "Future[Any]" = Future()
        cancellation = Cancellation()

        def ended(done: "Future[Any]") -> None:
            if done.cancelled():
                cancellation.cancel()
            with self._lock:
                self._open.discard(done)

        future.add_done_callback(ended)
        with self._lock:
            self._open.add(future)
        self._threads.submit(self._run, future, input, timeout, cancellation)
        return future

    def map(  # type: ignore[override]
        self,
        inputs: Iterable[object],
        timeout: Optional[float] = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """The first call without a result raises its error; the others are cancelled then."""
        del timeout, chunksize  # calls have time limits, and travel together in any case
        return (each.result() for each in self._connection.map(self._function, inputs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            with self._lock:
                left = list(self._open)
            for future in left:
                future.cancel()
        self._threads.shutdown(wait)

    def _run(
        self,
        future: "Future[Any]",
        input: object,
        timeout: Optional[float],
        cancellation: Cancellation,
    ) -> None:
        if future.cancelled():
            return
        try:
            value = self._connection.invoke(
                self._function, input, timeout=timeout, cancellation=cancellation
            )
        except BaseException as error:
            _settle(future, lambda: future.set_exception(error))
        else:
            _settle(future, lambda: future.set_result(value))


def _settle(future: "Future[Any]", settle: Callable[[], None]) -> None:
    """Until now its owner could cancel it."""
    if future.set_running_or_notify_cancel():
        settle()
