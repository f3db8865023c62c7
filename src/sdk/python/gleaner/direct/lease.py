"""A lease: workers that this program calls directly. Calls that a worker cannot answer are made
elsewhere."""

from __future__ import annotations

import itertools
import time
import weakref
from typing import Any, Callable, Dict, Generator, Iterable, List, Optional

from ..api.cancellation import Cancellation
from ..api.client import Api
from ..blocks import Closing
from ..calls.many import MapResult
from ..checks import check_cancellation, check_count, check_inputs, check_timeout
from ..errors import (
    UNREADABLE,
    DeadlineError,
    FunctionError,
    GleanerError,
    LeaseLostError,
    unreadable,
)
from ..executor import Executor
from ..payloads import Content, content_of, value_of
from . import frames
from .channel import Channel
from .keeper import Keeper
from .reader import Interrupted
from .workers import AVOID_S, Worker, Workers

#: How long calls wait for a worker in place of those that are gone.
_REPLACEMENT_S = 1.0
#: A call waits for its answer this much longer than the function may run.
_SLACK_S = 30.0
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.1
#: A call that has broken this many connections is made over gleanerd.
_MAX_LOST = 3
_MAX_HEADS = 64
_MAX_LIMIT_MS = 2**32 - 1
#: A worker that serves calls of others, too, has the next one while it answers.
_CALLS_PER_WORKER = 2

#: Makes a call over gleanerd: input, timeout in seconds, cancellation.
Elsewhere = Callable[[Content, Optional[float], Optional[Cancellation]], Any]


class Lease(Closing):
    """Threads may share it."""

    def __init__(
        self,
        api: Api,
        asked: Dict[str, Any],
        retry: str,
        timeout: Optional[float],
        elsewhere: Elsewhere,
    ) -> None:
        self._retry = retry
        self._elsewhere = elsewhere
        self._wanted = int(asked["workers"])
        self._names = map(b"%d".__mod__, itertools.count(1))
        self._heads: Dict[object, bytes] = {}
        self._workers = Workers()
        self._keeper = keeper = Keeper(api, asked, self._workers.update)
        weakref.finalize(self, _abandon, keeper).atexit = False
        own_s = int(keeper.state["timeLimitMs"]) / 1000 + _SLACK_S
        self._timeout = own_s if timeout is None else timeout

    @property
    def id(self) -> str:
        """Another one once the lease was replaced."""
        return self._keeper.id

    @property
    def state(self) -> str:
        """ENDED if it was ended, by whomever: the next call asks for another one, PENDING until
        then."""
        return str(self._keeper.state["state"])

    @property
    def workers(self) -> List[str]:
        """Those that serve now."""
        workers = self._keeper.state["workers"]
        return [each["worker"] for each in workers if each["state"] == "serving"]

    def invoke(
        self,
        input: object = None,
        *,
        timeout: Optional[float] = None,
        cancellation: Optional[Cancellation] = None,
    ) -> Any:
        """Calls a worker of the lease and returns its result.

        `timeout`: how many seconds to wait, if not as long as the lease says; then the call is
        cancelled, and DeadlineError raised.
        `cancellation`: another thread cancels the call by it.
        """
        if timeout is not None:
            check_timeout(timeout)
        if cancellation is not None:
            check_cancellation(cancellation)
        content = content_of(input)
        name = next(self._names)
        now = time.monotonic()
        limit_s = self._timeout if timeout is None else timeout
        until = now + limit_s
        workers = self._workers
        attempt = 1
        patience: Optional[_Patience] = None
        while True:
            if cancellation is not None:
                cancellation.check()
            is_lost = attempt > _MAX_LOST
            taken = None if is_lost else workers.take(now, until, cancellation)
            answer = None
            if taken is not None:
                worker, channel = taken
                try:
                    metadata = self._head(limit_s, attempt, content.content_type) + name
                    answer = channel.call(content, metadata, limit_s, until, cancellation)
                    if answer[0] == frames.ERROR:
                        failure = self._failure_of(answer[2], name)
                except BaseException as error:
                    self._broke(worker, channel, error, cancellation)
                else:
                    is_leaving = answer[0] == frames.ENDED or channel.is_terminating
                    workers.give_back(worker, channel, AVOID_S if is_leaving else 0.0)
                    if answer[0] == frames.RESULT:
                        try:
                            return value_of(answer[1], answer[2])
                        except UNREADABLE as error:
                            raise unreadable(self._call_id(name), error) from error
                    if answer[0] == frames.ERROR:
                        raise failure
            now = time.monotonic()
            # To find that no worker can be reached may have taken long enough.
            patience = patience or _Patience(workers.lacking_since or now)
            limit_s = until - now
            if limit_s <= 0:
                raise _late()
            if taken is None:
                self._keeper.replace(now)
                if is_lost or self._keeper.is_over or patience.is_over(now):
                    return self._over_gleanerd(content, limit_s, cancellation)
                workers.wait(patience.pause_s(now))
            elif answer is None:
                attempt += 1
            elif answer[0] == frames.BUSY:
                workers.wait(patience.busy_s())
            now = time.monotonic()

    def map(
        self,
        inputs: Iterable[object],
        *,
        window: int = 256,
        timeout: Optional[float] = None,
    ) -> Generator[MapResult, None, None]:
        """Calls the function once for each input and yields how each call ended, in their order.

        Reads `inputs` as results are taken, at most `window` ahead; leaving the loop early cancels
        the calls that have not ended. `timeout`: as for invoke(), for each call.
        """
        check_inputs(inputs)
        check_count("window", window)
        check_timeout(timeout)
        return self._results(inputs, window, timeout)

    def _results(
        self, inputs: Iterable[object], window: int, timeout: Optional[float]
    ) -> Generator[MapResult, None, None]:
        with self.executor() as executor:
            yield from executor.results(inputs, window, timeout)

    def executor(self, max_workers: Optional[int] = None) -> Executor:
        """A concurrent.futures.Executor that calls the function. `max_workers`: the number of
        calls at a time, two for each worker of the lease if omitted."""
        if max_workers is not None:
            check_count("max_workers", max_workers)
        return Executor(self.invoke, max_workers or _CALLS_PER_WORKER * self._wanted)

    def end(self) -> None:
        """Calls after it are made over gleanerd."""
        self._keeper.end()
        self._workers.close()

    close = end

    def _over_gleanerd(
        self, content: Content, limit_s: float, cancellation: Optional[Cancellation]
    ) -> Any:
        try:
            return self._elsewhere(content, limit_s, cancellation)
        except GleanerError as error:
            # The next ones wait again, for workers as for gleanerd.
            if error.code == "UNREACHABLE" and self._workers.lacking_since is not None:
                self._workers.lacking_since = time.monotonic()
            raise

    def _broke(
        self,
        worker: Worker,
        channel: Channel,
        error: BaseException,
        cancellation: Optional[Cancellation],
    ) -> None:
        """Returns if the call is to be made again."""
        is_late = isinstance(error, BlockingIOError)
        is_lost = isinstance(error, (OSError, EOFError, frames.FrameError)) and not is_late
        # Whoever interrupts the program does not wait for its call any more.
        if not is_lost and channel.abandon():
            self._workers.abandon(worker, channel)
        else:
            channel.close()
            self._workers.give_back(worker, None, AVOID_S if is_lost else 0.0)
        if not is_lost and not is_late and not isinstance(error, Interrupted):
            raise error
        if cancellation is not None:
            cancellation.check()
        if is_late:
            raise _late() from error
        if self._retry == "never":
            raise _lost(worker, error) from error

    def _head(self, limit_s: float, attempt: int, content_type: str) -> bytes:
        """What the metadata of calls begins with; they end with a number."""
        id = self._keeper.id
        about = (id, limit_s, attempt, content_type)
        head = self._heads.get(about)
        if head is None:
            limit_ms = min(_MAX_LIMIT_MS, int(limit_s * 1000) + 1)
            head = frames.call_head(limit_ms, attempt, content_type, f"{id}/")
            if len(self._heads) >= _MAX_HEADS:
                self._heads.clear()
            self._heads[about] = head
        return head

    def _call_id(self, name: bytes) -> str:
        return f"{self.id}/{name.decode()}"

    def _failure_of(self, payload: bytes, name: bytes) -> FunctionError:
        error = frames.decode_fields(payload)
        stack = error.get("stack") or None
        return FunctionError(self._call_id(name), error.get("type", ""), error.get("message", ""), stack)


def _abandon(keeper: Keeper) -> None:
    """Its thread ends the lease: whoever collects garbage may hold any lock."""
    keeper.is_abandoned = True


class _Patience:
    """How long a call waits for a worker, and between its attempts at busy ones."""

    def __init__(self, now: float) -> None:
        self._until = now + _REPLACEMENT_S
        self._busy_s = _FIRST_PAUSE_S

    def is_over(self, now: float) -> bool:
        return now >= self._until

    def pause_s(self, now: float) -> float:
        return min(0.05, max(0.0, self._until - now))

    def busy_s(self) -> float:
        pause_s, self._busy_s = self._busy_s, min(_LONGEST_PAUSE_S, self._busy_s * 2)
        return pause_s


def _late() -> DeadlineError:
    return DeadlineError("the call had no result in time")


def _lost(worker: Worker, error: BaseException) -> LeaseLostError:
    return LeaseLostError(
        f"the connection to worker {worker.name} broke ({error}): the call may have run"
    )
