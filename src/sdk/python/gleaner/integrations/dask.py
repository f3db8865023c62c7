"""What programs use of dask.distributed's Client, on leased workers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Callable, Iterable, List

import dask.base
import dask.config

from ..blocks import Closing
from ..tasks.executor import TaskExecutor


class Client(Closing):
    """Until it is closed, `compute()` of every dask collection runs on the workers of `tasks`, which
    Connection.tasks() returned."""

    def __init__(self, tasks: TaskExecutor) -> None:
        self._tasks = tasks
        self._setting: Any = dask.config.set(scheduler=tasks)

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> "Future[Any]":
        """Arguments that are futures are waited for first."""
        ready = [_value_of(each) for each in args]
        named = {name: _value_of(each) for name, each in kwargs.items()}
        return self._tasks.submit(function, *ready, **named)

    def map(self, function: Callable[..., Any], *iterables: Iterable[Any]) -> "List[Future[Any]]":
        return [self.submit(function, *each) for each in zip(*iterables)]

    def gather(self, futures: "Iterable[Future[Any]]") -> List[Any]:
        return [each.result() for each in futures]

    def compute(self, *collections: Any) -> Any:
        """The values of collections, all in one graph."""
        compute: Callable[..., Any] = dask.base.compute
        values = compute(*collections, scheduler=self._tasks)
        return values[0] if len(collections) == 1 else values

    def close(self) -> None:
        self._setting.__exit__(None, None, None)


def _value_of(argument: Any) -> Any:
    return argument.result() if isinstance(argument, Future) else argument
