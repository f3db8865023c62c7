"""A worker's calls: the part that does not depend on how they run at once."""

from __future__ import annotations

import time
from typing import Optional

from . import errors, frames, values
from .handler import Handler
from .prints import CallLog, Prints


class Context:
    """The second argument of a handler."""

    def __init__(self, head: frames.CallHead, waited_ms: float, log: CallLog) -> None:
        self.call_id = head.name
        self.attempt = head.attempt
        self.content_type = head.content_type
        #: The time that the call had when the handler was called; None if it has no limit.
        self.deadline_ms = max(0, head.deadline_ms - int(waited_ms)) if head.deadline_ms else None
        self._log = log
        self._started = time.monotonic()

    def remaining_ms(self) -> Optional[int]:
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

    def get_remaining_time_in_millis(self) -> Optional[int]:
        return self.remaining_ms()


class Call:
    def __init__(
        self, frame: frames.Frame, prints: Prints, log: Optional[CallLog] = None
    ) -> None:
        """`log`: one that it shares with others."""
        self.id = frame.id
        self.head = frames.decode_call_head(frame.metadata)
        self.payload = frame.payload
        self.log = log or CallLog(prints, frame.id)
        self.is_cancelled = False
        self._arrived = time.monotonic()

    def begin(self) -> tuple[object, Context]:
        """The arguments of the handler."""
        waited_ms = (time.monotonic() - self._arrived) * 1000
        event = values.read_input(self.head.content_type, self.payload)
        return event, Context(self.head, waited_ms, self.log)


class Answer:
    """The frame that answers a call."""

    def __init__(self, id: int, type: int, payload: bytes, metadata: bytes = b"") -> None:
        self.id = id
        self.type = type
        self.payload = payload
        self.metadata = metadata


def result_of(call: Call, result: object, limit_bytes: int) -> Answer:
    content_type, data = values.write_output(result, limit_bytes)
    return Answer(call.id, frames.RESULT, data, content_type.encode("ascii"))


def error_of(id: int, fields: dict[str, str]) -> Answer:
    return Answer(id, frames.ERROR, frames.encode_fields(fields))


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
        event, context = call.begin()
        answer = result_of(call, handler.call(event, context), settings.output_limit_bytes)
    except BaseException as error:
        answer = error_of(call.id, errors.describe(error))
    finally:
        prints.current.reset(token)
    call.log.flush()
    return answer
