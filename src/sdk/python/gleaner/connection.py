"""Calls functions from a program: one call, a call whose result is fetched later, a map."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generator, Iterable, Optional

from .api.cancellation import Cancellation
from .api.client import Api
from .api.settings import Address, Munge, Settings, config_file_of, read_settings
from .blocks import Closing
from .calls.deadline import Deadline, milliseconds
from .calls.many import MapResult, map_calls
from .calls.single import Call, wait_for_result
from .checks import (
    check_call_id,
    check_cancellation,
    check_count,
    check_file,
    check_function,
    check_inputs,
    check_kind,
    check_lease,
    check_request_id,
    check_time_limit,
    check_timeout,
)
from .errors import GleanerError

if TYPE_CHECKING:
    from .direct.lease import Lease
    from .executor import Executor
    from .tasks.executor import TaskExecutor

#: A call over a lease may wait for its worker beside its run time.


class Connection(Closing):
    """Calls functions as this user; threads may share it. Raises a CallError if a call has no
    result, else a GleanerError."""

    def __init__(self, settings: Settings) -> None:
        #: What sends its requests.
        self.api = Api(settings)

    def invoke(
        self,
        function: str,
        input: object = None,
        *,
        timeout: Optional[float] = None,
        time_limit: Optional[float] = None,
        request_id: Optional[str] = None,
        cancellation: Optional[Cancellation] = None,
    ) -> Any:
        """Calls a function and returns its result.

        `timeout`: how many seconds to wait; then the call is cancelled, and DeadlineError raised.
        `time_limit`: a shorter limit in seconds than the function's own on its run time.
        `request_id`: a UUID; a call that is sent again with it is the same call.
        `cancellation`: another thread cancels the call by it.
        """
        check_function(function)
        check_timeout(timeout)
        check_time_limit("time_limit", time_limit)
        check_request_id(request_id)
        check_cancellation(cancellation)
        deadline = Deadline(timeout)
        call = Call(self.api, function, input, time_limit, request_id)
        return call.invoke(deadline, cancellation)

    def submit(
        self,
        function: str,
        input: object = None,
        *,
        time_limit: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> str:
        """Submits a call and returns its id once it is durable."""
        check_function(function)
        check_time_limit("time_limit", time_limit)
        check_request_id(request_id)
        return Call(self.api, function, input, time_limit, request_id).submit()

    def result(self, id: str, *, timeout: Optional[float] = None) -> Any:
        """Waits for the result of a call, 42 or 42_7. A timeout ends the wait, not the call."""
        check_call_id(id)
        check_timeout(timeout)
        return wait_for_result(self.api, id, Deadline(timeout))

    def map(
        self,
        function: str,
        inputs: Iterable[object],
        *,
        window: Optional[int] = None,
        time_limit: Optional[float] = None,
    ) -> Generator[MapResult, None, None]:
        """Calls a function once for each input and yields how each call ended, in their order.

        Reads `inputs` as results are taken, at most `window` ahead (4,000 if their number is not
        known); leaving the loop early cancels the calls that have not ended.
        """
        check_function(function)
        check_inputs(inputs)
        if window is not None:
            check_count("window", window)
        check_time_limit("time_limit", time_limit)
        return map_calls(self.api, function, inputs, window, time_limit)

    def cancel(self, *ids: str) -> None:
        for id in ids:
            check_call_id(id)
        if ids:
            self.api.cancel(ids)

    def executor(self, function: str, max_workers: int = 64) -> "Executor":
        """A concurrent.futures.Executor that calls this function. `max_workers`: the number of
        submitted calls that wait at a time; map() sends its calls together."""
        from .executor import Executor

        check_function(function)
        check_count("max_workers", max_workers)
        invoke = functools.partial(self.invoke, function)
        return Executor(invoke, max_workers, functools.partial(self.map, function))

    def lease(
        self,
        function: str,
        workers: int = 1,
        *,
        at_least: int = 1,
        cores: Optional[int] = None,
        memory_mb: Optional[int] = None,
        ttl: float = 10.0,
        hot_ms: int = 0,
        wait: float = 10.0,
        retry: str = "evicted",
        timeout: Optional[float] = None,
    ) -> "Lease":
        """Workers of a function that this program calls directly, until end() or the block's end.

        Granted once `at_least` of them serve; LEASE_NOT_GRANTED if they do not within `wait`
        seconds. `hot_ms`: how long a worker spins after a call (-1: always). `retry`: a call whose
        connection broke may have run; "evicted" makes it again, "never" raises LeaseLostError.
        `timeout`: how many seconds a call may take; if omitted, the function's limit and 30 s.
        """
        from .direct.lease import Lease

        check_lease(
            function, workers, at_least, cores, memory_mb, ttl, hot_ms, wait, retry, timeout
        )
        asked = {
            "function": function,
            "workers": workers,
            "atLeast": at_least,
            "cores": cores,
            "memoryMb": memory_mb,
            "ttlMs": milliseconds(ttl),
            "hotMs": hot_ms,
            "waitMs": milliseconds(wait),
        }
        return Lease(self.api, asked, retry, timeout, functools.partial(self._call, function))

    def tasks(self, workers: int = 1, **options: Any) -> "TaskExecutor":
        """A concurrent.futures.Executor that runs any function of Python on leased workers.

        `options`: at_least, ttl, hot_ms, wait, retry and timeout of lease(), and the settings of
        settings_of() in gleaner.functions.deploy, such as cores, memory_mb and time_limit.
        """
        from .tasks.executor import TaskExecutor

        return TaskExecutor(self, workers, **options)

    def close(self) -> None:
        self.api.close()

    def _call(
        self,
        function: str,
        input: object,
        timeout: Optional[float],
        cancellation: Optional[Cancellation],
    ) -> Any:
        return self.invoke(function, input, timeout=timeout, cancellation=cancellation)


def connect(
    config_file: Optional[str] = None,
    *,
    address: Optional[Address] = None,
    munge: Optional[Munge] = None,
) -> Connection:
    """A connection to the gleanerd that the configuration names: `config_file`, else
    $GLEANER_CONF, else /etc/gleaner/gleaner.yaml; or, in place of a file, `address` and `munge`.
    Raises CONFIG."""
    check_file("config_file", config_file)
    check_kind("address", address, Address)
    check_kind("munge", munge, Munge)
    if address is not None and munge is not None:
        return Connection(Settings("", address, munge))
    if address is not None or munge is not None:
        raise GleanerError(
            "CONFIG",
            "connect() needs address and munge together, or neither: then it reads the"
            " configuration file",
        )
    return Connection(read_settings(config_file_of(config_file)))
