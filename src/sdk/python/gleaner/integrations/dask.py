"""What programs use of dask.distributed's Client, on leased workers."""

from __future__ import annotations

import concurrent.futures
from typing import Any, Callable, Iterable, Iterator, List, Optional

import dask.base
import dask.config

from ..blocks import Closing
from ..executor import settle
from ..tasks.executor import TaskExecutor

Future = concurrent.futures.Future


class Client(Closing):
    """Until it is closed, `compute()` of every dask collection runs on the workers of `tasks`, which
    Connection.tasks() returned."""

    def __init__(self, tasks: TaskExecutor) -> None:
        self._tasks = tasks
        self._setting: Any = dask.config.set(scheduler=tasks)
        # They compute graphs, and submit what has waited for other calls.
        self._threads = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="gleaner-dask")

    def submit(
        self, function: Callable[..., Any], *args: Any, pure: bool = False, **kwargs: Any
    ) -> "Future[Any]":
        """Returns at once. The function gets the values of the futures among its arguments, also of
        those in lists, tuples, sets and dicts, and is called once all of them have ended."""
        del pure  # each call runs: no result is kept for another one

        def start() -> "Future[Any]":
            return self._tasks.submit(function, *_with_values(args), **_with_values(kwargs))

        awaited = list(_futures_in([args, kwargs]))
        return self._after(awaited, start) if awaited else start()

    def map(
        self, function: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any
    ) -> "List[Future[Any]]":
        return [self.submit(function, *each, **kwargs) for each in zip(*iterables)]

    def gather(self, futures: Any) -> Any:
        """The value of a future; of a list, tuple, set or dict, the same with values in place of
        futures."""
        return _with_values(list(futures) if isinstance(futures, Iterator) else futures)

    def compute(self, collections: Any, sync: bool = False) -> Any:
        """A future of the collection's value; for a list of collections, whose graphs become one, a
        list of futures. With `sync`, the values."""
        several = isinstance(collections, (list, tuple))
        graphs = list(collections) if several else [collections]
        futures: "List[Future[Any]]" = [Future() for _ in graphs]
        self._threads.submit(self._compute, graphs, futures)
        result = futures if several else futures[0]
        return _with_values(result) if sync else result

    def close(self) -> None:
        """Waits for the graphs that are being computed."""
        self._threads.shutdown()
        self._setting.__exit__(None, None, None)

    def _compute(self, graphs: List[Any], futures: "List[Future[Any]]") -> None:
        compute: Callable[..., Any] = dask.base.compute
        try:
            values = compute(*graphs, scheduler=self._tasks)
        except BaseException as error:
            for future in futures:
                settle(future, future.set_exception, error)
        else:
            for future, value in zip(futures, values):
                settle(future, future.set_result, value)

    def _after(
        self, awaited: "List[Future[Any]]", start: "Callable[[], Future[Any]]"
    ) -> "Future[Any]":
        """A future of the call that `start` submits, once all that it awaits have ended."""
        future: "Future[Any]" = Future()
        left = iter(awaited)

        def proceed(_: "Optional[Future[Any]]" = None) -> None:
            for each in left:
                if not each.done():
                    each.add_done_callback(proceed)
                    return
            try:
                # Not here, where a long row of calls that fail would call each other's callbacks.
                self._threads.submit(begin)
            except RuntimeError as error:
                settle(future, future.set_exception, error)

        def begin() -> None:
            if future.cancelled():
                future.set_running_or_notify_cancel()
                return
            try:
                call = start()
            except BaseException as error:
                settle(future, future.set_exception, error)
                return
            future.add_done_callback(lambda done: done.cancelled() and call.cancel())
            call.add_done_callback(lambda done: _follow(done, future))

        proceed()
        return future


def _follow(call: "Future[Any]", future: "Future[Any]") -> None:
    if call.cancelled():
        future.cancel()
        future.set_running_or_notify_cancel()
        return
    error = call.exception()
    if error is None:
        settle(future, future.set_result, call.result())
    else:
        settle(future, future.set_exception, error)


def _futures_in(value: Any) -> "Iterator[Future[Any]]":
    if isinstance(value, Future):
        yield value
    elif type(value) in (list, tuple, set):
        for each in value:
            yield from _futures_in(each)
    elif type(value) is dict:
        yield from _futures_in(list(value.values()))


def _with_values(value: Any) -> Any:
    """A copy with the values of futures in their places."""
    if isinstance(value, Future):
        return value.result()
    if type(value) in (list, tuple, set):
        return type(value)(_with_values(each) for each in value)
    if type(value) is dict:
        return {key: _with_values(each) for key, each in value.items()}
    return value
