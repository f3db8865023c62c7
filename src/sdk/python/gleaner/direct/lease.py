"""A lease: workers that this program calls directly. It is renewed and followed in the background;
calls that a worker cannot answer are made elsewhere."""

from __future__ import annotations

import threading
import time
import uuid
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

from ..api.client import Api
from ..calls.deadline import Deadline
from ..errors import DeadlineError, FunctionError, GleanerError, LeaseLostError
from ..payloads import Content, content_of, value_of
from . import frames
from .channel import Answer, Channel

#: How long a call waits for a worker in place of one that is gone.
_REPLACEMENT_S = 1.0
_RENEWALS_IN_TTL = 3
_TERMINAL = ("TERMINATING", "ENDED")

#: Makes a call over gleanerd: input, timeout in seconds.
Elsewhere = Callable[[Content, Optional[float]], Any]


class Lease:
    def __init__(self, api: Api, asked: Dict[str, Any], retry: str, elsewhere: Elsewhere) -> None:
        if retry not in ("evicted", "never"):
            raise GleanerError("BAD_REQUEST", f"invalid retry {retry!r}: expected evicted or never")
        self._api = api
        self._retry = retry
        self._elsewhere = elsewhere
        self._ttl_ms = int(asked["ttlMs"])
        self._changed = threading.Condition()
        self._idle: Dict[str, List[Channel]] = {}
        self._in_flight: Dict[str, int] = {}
        self._bad: Dict[str, float] = {}
        self._state = api.begin_lease({"requestId": str(uuid.uuid4()), **asked})
        self.id = str(self._state["id"])
        self._is_over = threading.Event()
        threading.Thread(target=self._follow, name="gleaner-lease", daemon=True).start()

    @property
    def state(self) -> str:
        return str(self._state["state"])

    @property
    def workers(self) -> List[str]:
        """Those that serve now."""
        return [each["worker"] for each in self._state["workers"] if each["state"] == "serving"]

    def invoke(self, input: object = None, *, timeout: Optional[float] = None) -> Any:
        """Calls a worker of the lease and returns its result; threads may do so at once."""
        content = content_of(input)
        deadline = Deadline(timeout)
        give_up_at: Optional[float] = None
        while True:
            found = self._take()
            if found is None:
                now = time.monotonic()
                give_up_at = give_up_at or now + _REPLACEMENT_S
                if now >= give_up_at or self.state in _TERMINAL:
                    return self._elsewhere(content, deadline.left_s())
                with self._changed:
                    self._changed.wait(min(0.05, give_up_at - now))
                continue
            answer = self._ask(*found, content, deadline)
            if answer is not None:
                return _value_of(found[0]["worker"], answer)

    def end(self) -> None:
        if not self._is_over.is_set():
            self._is_over.set()
            self._api.end_lease(self.id)
        for channels in self._idle.values():
            for channel in channels:
                channel.close()
        self._idle.clear()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        type: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.end()

    def _take(self) -> Optional[Tuple[Dict[str, Any], Channel]]:
        """A connection to the worker with the fewest calls of ours; None if no worker can be
        reached now."""
        while True:
            with self._changed:
                now = time.monotonic()
                usable = [
                    each
                    for each in self._state["workers"]
                    if each["state"] == "serving" and self._bad.get(each["worker"], 0) <= now
                ]
                if not usable:
                    return None
                chosen = min(usable, key=lambda each: self._in_flight.get(each["worker"], 0))
                worker = chosen["worker"]
                self._in_flight[worker] = self._in_flight.get(worker, 0) + 1
                idle = self._idle.setdefault(worker, [])
                channel = idle.pop() if idle else None
            try:
                if channel is None or not channel.is_open:
                    channel = Channel(chosen)
                return chosen, channel
            except (OSError, EOFError, frames.FrameError):
                self._give_back(worker, None, avoid=True)

    def _ask(
        self, endpoint: Dict[str, Any], channel: Channel, content: Content, deadline: Deadline
    ) -> Optional[Answer]:
        """None if the call is to be made elsewhere."""
        worker = endpoint["worker"]
        try:
            answer = channel.call(content, self.id, deadline)
        except (OSError, EOFError, frames.FrameError) as error:
            channel.close()
            self._give_back(worker, None, avoid=not isinstance(error, TimeoutError))
            if isinstance(error, TimeoutError) or deadline.is_over:
                raise DeadlineError(f"worker {worker} did not answer in time") from error
            if self._retry == "evicted":
                return None
            raise LeaseLostError(
                f"the connection to worker {worker} broke ({error}): the call may have run"
            ) from error
        except BaseException:
            channel.close()
            self._give_back(worker, None)
            raise
        is_answer = answer.type in (frames.RESULT, frames.ERROR)
        self._give_back(worker, channel, avoid=not is_answer)
        return answer if is_answer else None

    def _give_back(self, worker: str, channel: Optional[Channel], avoid: bool = False) -> None:
        with self._changed:
            self._in_flight[worker] -= 1
            if channel is not None:
                self._idle.setdefault(worker, []).append(channel)
            if avoid:
                self._bad[worker] = time.monotonic() + _REPLACEMENT_S / 4
            self._changed.notify_all()

    def _follow(self) -> None:
        """Renews, and learns of workers that come and go; ends with the lease."""
        wait_ms = max(100, self._ttl_ms // _RENEWALS_IN_TTL)
        renew_at = 0.0
        while not self._is_over.is_set() and self.state != "ENDED":
            try:
                state = self._api.lease(self.id, int(self._state["revision"]), wait_ms)
                is_due = time.monotonic() >= renew_at and not self._is_over.is_set()
                if is_due and state["state"] not in _TERMINAL:
                    renew_at = time.monotonic() + wait_ms / 2000
                    self._api.renew_lease(self.id, self._ttl_ms)
            except GleanerError as error:
                # While gleanerd is away the lease goes on to its end.
                if error.code not in ("UNREACHABLE", "NOT_FOUND"):
                    state = {**self._state, "state": "ENDED", "workers": [], "reason": str(error)}
                elif self._is_over.wait(wait_ms / 1000):
                    return
                else:
                    continue
            with self._changed:
                self._state = state
                self._changed.notify_all()


def _value_of(worker: str, answer: Answer) -> Any:
    if answer.type == frames.RESULT:
        return value_of(answer.content_type, answer.payload)
    error = frames.decode_fields(answer.payload)
    stack = error.get("stack") or None
    raise FunctionError(worker, error.get("type", ""), error.get("message", ""), stack)
