"""One call over gleanerd: with its answer, or first submitted and waited for later."""

from __future__ import annotations

import uuid
from typing import Any, Dict, Optional

from ..api.cancellation import Cancellation
from ..api.client import Api
from ..api.repeat import patiently
from ..errors import CallError, DeadlineError
from .contents import result_of, sendable
from .deadline import Deadline, milliseconds

_FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY")


class Call:
    """A call that was not sent yet. `request_id`: a UUID; a call that is sent again with it is the
    same call."""

    def __init__(
        self,
        api: Api,
        function: str,
        input: object,
        time_limit: Optional[float],
        request_id: Optional[str],
    ) -> None:
        self._api = api
        # A program that names the request may have sent it before.
        self._is_fresh = request_id is None
        self._request: Dict[str, Any] = {
            "requestId": request_id or str(uuid.uuid4()),
            "function": function,
            "input": sendable(api, input),
            "timeLimitMs": milliseconds(time_limit),
        }

    def submit(self) -> str:
        """Its id, once it is durable."""
        return str(self._api.call({**self._request, "waitMs": 0})["id"])

    def invoke(self, deadline: Deadline, cancellation: Optional[Cancellation]) -> Any:
        """Its result. If the caller gives up, it is cancelled."""
        # Whoever gives up while it waits for a token has nothing to withdraw.
        self._api.identify(cancellation)
        try:
            asked = {**self._request, "fresh": self._is_fresh, "waitMs": deadline.wait_ms()}
            answered = self._api.call(asked, cancellation)
            id, invocation = str(answered["id"]), answered["invocation"]
            if invocation is not None and invocation["state"] in _FINAL:
                ended = {**invocation, "answer": answered["answer"]}
                return result_of(self._api, id, ended)
            return wait_for_result(self._api, id, deadline, cancellation)
        except DeadlineError:
            self._withdraw()
            raise
        except CallError:
            if cancellation is not None and cancellation.is_cancelled:
                self._withdraw()
            raise

    def _withdraw(self) -> None:
        """The request's id leads to the call, whether or not its submission was answered."""
        self._api.cancel([self.submit()])


def wait_for_result(
    api: Api, id: str, deadline: Deadline, cancellation: Optional[Cancellation] = None
) -> Any:
    gave_up = f"gleanerd did not answer for 10 minutes: call {id} stays in its queue"
    while True:
        outcomes = patiently(
            lambda: api.outcomes(id, deadline.wait_ms(), cancellation), gave_up, cancellation
        )["outcomes"]
        if outcomes:
            return result_of(api, id, outcomes[0])
        if cancellation is not None:
            cancellation.check()
        if deadline.is_over:
            raise DeadlineError(f"call {id} had no result in time")
