"""A concurrent.futures.Executor that runs any function of Python on leased workers."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from ..api.cancellation import Cancellation
from ..checks import check_environment, check_options
from ..errors import RemoteTraceback
from ..executor import Executor
from ..functions.deploy import SETTINGS, deploy, settings_of
from .pickling import pickler

if TYPE_CHECKING:
    from ..connection import Connection
    from ..direct.lease import Lease

Future = concurrent.futures.Future
_FUNCTION = "python-tasks"
_LEASE_OPTIONS = ("at_least", "ttl", "hot_ms", "wait", "retry", "timeout")


class TaskExecutor(concurrent.futures.Executor):
    """`submit(function, *args, **kwargs)` and `map(function, *iterables)` as any executor of Python
    has them. Workers run the interpreter of this program, and find the modules that it finds, if
    their nodes see the same folders."""

    def __init__(self, site: "Connection", workers: int, **options: Any) -> None:
        check_options("tasks", options, (*_LEASE_OPTIONS, *SETTINGS))
        self._dumps, picklers = pickler()
        lease = {name: options.pop(name) for name in _LEASE_OPTIONS if name in options}
        settings = settings_of("gleaner_tasks.py:run", **_like_here(options))
        with open(os.path.join(os.path.dirname(__file__), "handler.py"), "rb") as file:
            files = {**picklers, "gleaner_tasks.py": file.read()}
        called = deploy(site.api, _FUNCTION, settings, files)
        self.lease: "Lease" = site.lease(called, workers, **lease)
        self.workers = workers
        # Others look for this name, as dask does.
        self._max_workers = workers
        self._calls = Executor(self._run, workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return self._calls.submit(self._dumps((fn, args, kwargs)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._calls.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self.lease.end()

    def _run(
        self,
        input: object = None,
        *,
        timeout: Optional[float] = None,
        cancellation: Optional[Cancellation] = None,
    ) -> Any:
        outcome = self.lease.invoke(input, timeout=timeout, cancellation=cancellation)
        value, error, stack = pickle.loads(outcome)
        if error is None:
            return value
        error.__cause__ = RemoteTraceback(stack)
        raise error


def _like_here(options: Dict[str, Any]) -> Dict[str, Any]:
    check_environment(options.get("environment"))
    folders = [os.path.abspath(each) for each in sys.path if os.path.isdir(each or ".")]
    path = {"PYTHONPATH": os.pathsep.join(folders)}
    environment = {**path, **(options.pop("environment", None) or {})}
    return {"python": sys.executable, **options, "environment": environment}
