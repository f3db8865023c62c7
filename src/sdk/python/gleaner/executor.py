"""A concurrent.futures.Executor whose calls are those of one function."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Generator, Iterable, Iterator, Optional, Protocol, Set

from . import forks
from .api.cancellation import Cancellation
from .calls.many import MapResult
from .errors import CallError, GleanerError

Future = concurrent.futures.Future
#: The most inputs that Executor.map() reads and whose results were not taken.
_WINDOW = 4_000


class Invoke(Protocol):
    """One call, in the thread that asks for it."""

    def __call__(
        self,
        input: object = None,
        *,
        timeout: Optional[float] = None,
        cancellation: Optional[Cancellation] = None,
    ) -> Any: ...


class Executor(concurrent.futures.Executor):
    """`submit(input)` calls the function; `map(inputs)` yields results as Executor.map does.

    A future can be cancelled until its call has ended, also while it runs elsewhere.
    """

    def __init__(
        self,
        invoke: Invoke,
        max_workers: int,
        many: Optional[Callable[[Iterable[object]], Iterable[MapResult]]] = None,
    ) -> None:
        """`many`: how many calls are made at once; None: as single ones."""
        self._invoke = invoke
        self._many = many
        # Others look for this name, as dask does.
        self._max_workers = max_workers
        self.begin_anew()
        forks.watch(self)

    def begin_anew(self) -> None:
        """In a forked process: the threads are the parent's, as are the calls that they make."""
        self._threads = concurrent.futures.ThreadPoolExecutor(self._max_workers, "gleaner")
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

        with self._lock:
            self._open.add(future)
        future.add_done_callback(ended)
        try:
            self._threads.submit(self._run, future, input, timeout, cancellation)
        except RuntimeError:
            future.cancel()
            raise
        return future

    def map(  # type: ignore[override]
        self,
        inputs: Iterable[object],
        timeout: Optional[float] = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """The first call without a result raises its error, and TimeoutError is raised if one has
        none `timeout` seconds from now; the others are cancelled then."""
        del chunksize  # calls travel together in any case
        if timeout is not None:
            until = time.monotonic() + timeout
            return (each.result() for each in self.results(inputs, until=until))
        many = self._many or self.results
        return (each.result() for each in many(inputs))

    def results(
        self,
        inputs: Iterable[object],
        window: int = _WINDOW,
        timeout: Optional[float] = None,
        until: Optional[float] = None,
    ) -> Generator[MapResult, None, None]:
        """How the call for each input ended, in their order; leaving the loop early cancels the
        others. At most `window` inputs are read ahead; `timeout` is that of each call. Raises
        TimeoutError if one has not ended until then."""
        left: Deque["Future[Any]"] = deque()
        index = 0
        try:
            for value in inputs:
                left.append(self.submit(value, timeout=timeout))
                if len(left) >= window:
                    yield _outcome_of(index, left, until)
                    index += 1
            while left:
                yield _outcome_of(index, left, until)
                index += 1
        finally:
            for future in left:
                future.cancel()

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
            # Whoever waits for several of them is told only now.
            future.set_running_or_notify_cancel()
            return
        try:
            value = self._invoke(input, timeout=timeout, cancellation=cancellation)
        except BaseException as error:
            settle(future, future.set_exception, error)
        else:
            settle(future, future.set_result, value)


def settle(future: "Future[Any]", end: Callable[[Any], None], outcome: object) -> None:
    """Until now its owner could cancel it."""
    if future.set_running_or_notify_cancel():
        end(outcome)


def _outcome_of(index: int, left: Deque["Future[Any]"], until: Optional[float]) -> MapResult:
    """That of the first, which it takes out."""
    future = left[0]
    if until is not None:
        concurrent.futures.wait([future], max(0.0, until - time.monotonic()))
        if not future.done():
            raise concurrent.futures.TimeoutError
    try:
        result = MapResult(index, "", future.result(), None)
    except (CallError, GleanerError) as error:
        result = MapResult(index, getattr(error, "id", ""), None, error)
    left.popleft()
    return result
