"""A backend of joblib whose batches run on leased workers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Callable, Optional

from joblib.parallel import ParallelBackendBase  # type: ignore[import-untyped]

from ..tasks.executor import TaskExecutor


class GleanerBackend(ParallelBackendBase):  # type: ignore[misc]
    """`with joblib.parallel_config(GleanerBackend(tasks)):`, where `tasks` is what
    Connection.tasks() returns. -1 jobs, which joblib means by default there, are all workers."""

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(self, executor: TaskExecutor, **options: Any) -> None:
        super().__init__(**options)
        self._executor = executor
        self._running: "set[Future[Any]]" = set()

    def effective_n_jobs(self, n_jobs: int) -> int:
        workers = self._executor.workers
        return workers if n_jobs is None or n_jobs < 0 else min(n_jobs, workers)

    def submit(
        self, func: Callable[[], Any], callback: Optional[Callable[[Any], Any]] = None
    ) -> "Future[Any]":
        future = self._executor.submit(func)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    #: Its name before joblib 1.5.
    apply_async = submit

    def retrieve_result_callback(self, out: "Future[Any]") -> Any:
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        del ensure_ready  # the executor stays as it is
        for future in list(self._running):
            future.cancel()
