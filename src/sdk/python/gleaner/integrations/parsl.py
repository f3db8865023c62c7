"""An executor of Parsl whose apps run on leased workers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Callable, Dict, Optional

from parsl.executors.base import ParslExecutor
from parsl.executors.errors import InvalidResourceSpecification
from parsl.utils import RepresentationMixin

from ..connection import Connection, connect
from ..tasks.executor import TaskExecutor


class GleanerExecutor(ParslExecutor, RepresentationMixin):
    """`workers` and `options` are those of Connection.tasks()."""

    def __init__(
        self,
        label: str = "gleaner",
        workers: int = 1,
        config_file: Optional[str] = None,
        options: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__()
        self.label = label
        self.workers = workers
        self.config_file = config_file
        self.options = options
        self._site: Optional[Connection] = None
        self._tasks: Optional[TaskExecutor] = None

    def start(self) -> None:
        self._site = connect(self.config_file)
        self._tasks = self._site.tasks(self.workers, **(self.options or {}))

    def submit(
        self,
        func: Callable[..., Any],
        resource_specification: Dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> "Future[Any]":
        if resource_specification:
            raise InvalidResourceSpecification(
                set(resource_specification),
                "give cores and memory_mb in the executor's options: all its workers have the same",
            )
        if self._tasks is None:
            raise RuntimeError("the executor was not started")
        return self._tasks.submit(func, *args, **kwargs)

    def shutdown(self) -> None:
        if self._tasks is not None and self._site is not None:
            self._tasks.shutdown()
            self._site.close()
        super().shutdown()

    def monitor_resources(self) -> bool:
        """Gleaner measures calls by itself: see glean acct."""
        return False
