"""A worker's calls: the part that does not depend on how they run at once."""

from __future__ import annotations

import time

from . import errors, frames
from .handler import Handler
from .payloads import values
from .prints import CallLog, Prints


class Context:
    """The second argument of a handler."""

    def __init__(self, head: frames.CallHead, waited_ms: float, log: CallLog) -> None:
        deadline_ms, self.attempt, self.content_type, self.call_id = head
        #: The time that the call had when the handler was called; None if it has no limit.
        self.deadline_ms = max(0, deadline_ms - int(waited_ms)) if deadline_ms else None
        self._log = log
        self._started = time.monotonic()

    def remaining_ms(self) -> int | None:
        if self.deadline_ms is None:
            return None
        return max(0, self.deadline_ms - int((time.monotonic() - self._started) * 1000))

    def log(self, *things: object) -> None:
        """Writes a line to the call's log, whatever else runs in this worker."""
        self._log.write(1, frames.to_bytes(" ".join(map(str, things)) + "\n"))

    # As handlers for AWS Lambda have it.
    @property
    def aws_request_id(self) -> str:
        return self.call_id

    def get_remaining_time_in_millis(self) -> int | None:
        return self.remaining_ms()


class Call:
    __slots__ = ("id", "content_type", "metadata", "payload", "log", "is_cancelled", "_arrived")

    def __init__(
        self,
        id: int,
        content_type: str,
        metadata: bytes,
        payload: bytes,
        log: CallLog,
        arrived: float,
    ) -> None:
        """`metadata`: a valid head. `log`: it may share it with others."""
        self.id = id
        self.content_type = content_type
        self.metadata = metadata
        self.payload = payload
        self.log = log
        self.is_cancelled = False
        self._arrived = arrived

    def input(self) -> object:
        return values.read_input(self.content_type, self.payload)

    def context(self) -> Context:
        """Made when its handler is called."""
        head = frames.decode_call_head(self.metadata)
        return Context(head, (time.monotonic() - self._arrived) * 1000, self.log)


def call_of(id: int, metadata: bytes, payload: bytes, log: CallLog) -> Call:
    """Raises what decode_call_head() does."""
    content_type = frames.decode_call_head(metadata)[2]
    return Call(id, content_type, metadata, payload, log, time.monotonic())


def call_in(frame: frames.Frame, prints: Prints) -> Call:
    """One with a log of its own."""
    return call_of(frame.id, frame.metadata, frame.payload, CallLog(prints, frame.id))


#: The frame that answers a call, as send() takes it: type, id, payload, metadata. A class takes many
#: times as long to make.
Answer = tuple[int, int, bytes, bytes]


def result_of(call: Call, result: object, limit_bytes: int) -> Answer:
    content_type, data = values.write_output(result, limit_bytes)
    return frames.RESULT, call.id, data, content_type


def error_of(id: int, fields: dict[str, str]) -> Answer:
    return frames.ERROR, id, frames.encode_fields(fields), b""


def cancelled(id: int) -> Answer:
    message = "the call was cancelled before its handler was called"
    return error_of(id, errors.fields_of("cancelled", "Cancelled", message))


class Settings:
    """What `load` says beside the handler."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.directory = fields["directory"]
        self.handler = fields.get("handler")
        self.concurrency = int(fields["concurrency"])
        self.output_limit_bytes = int(fields["outputLimitBytes"])
        self.log_limit_bytes = int(fields["logLimitBytes"])


def run_blocking(call: Call, handler: Handler, settings: Settings, prints: Prints) -> Answer:
    """Runs a call in this thread; never raises."""
    token = prints.current.set(call.log)
    try:
        return run_alone(handler, settings, call)
    finally:
        prints.current.reset(token)


def run_alone(handler: Handler, settings: Settings, call: Call) -> Answer:
    """The same where `prints.only` is the call's log, since no other call runs in this worker."""
    try:
        result = handler.call(call)
        content_type, data = values.write_output(result, settings.output_limit_bytes)
        answer = frames.RESULT, call.id, data, content_type
    except BaseException as error:
        answer = error_of(call.id, errors.describe(error))
    if call.log.has_part:
        call.log.flush()
    return answer
