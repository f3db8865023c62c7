"""The client of gleanerd's HTTP API: one method for each request, with authentication and renewal.
Answers are as docs/reference/api.md has them."""

from __future__ import annotations

import uuid
from typing import Any, Dict, Mapping, Optional, Sequence
from urllib.parse import quote, urlencode

from ..errors import GleanerError
from .cancellation import Cancellation
from .http import DEFAULT_TIMEOUT_S, Buffers, Http, Request
from .private_files import private_directory
from .repeat import repeated
from .settings import Settings
from .tokens import Tokens

Json = Dict[str, Any]

#: A client repeats a wait after this time, so that no connection stays open forever.
MAX_WAIT_MS = 60_000
#: The time that a waiting request's connection gets in addition to the wait itself.
_WAIT_SLACK_S = 10.0
#: The largest content over a slow line, and its way to the disk.
_CONTENT_TIMEOUT_S = 120.0
_FRAMES_TYPE = "application/vnd.gleaner.inputs"


class Api:
    """Every method raises GleanerError: the daemon's own, or UNREACHABLE, PROTOCOL,
    NOT_IDENTIFIED."""

    def __init__(self, settings: Settings) -> None:
        self._http = Http(settings.address)
        cache = private_directory()
        self._tokens = Tokens(self._http, settings.munge, cache, settings.config_file)

    def close(self) -> None:
        self._http.close()

    def identify(self, cancellation: Optional[Cancellation] = None) -> None:
        """Gets the token that requests carry, if there is none."""
        self._tokens.get(cancellation)

    def call(self, request: Json, cancellation: Optional[Cancellation] = None) -> Json:
        """Without waitMs the call is durable once this returns; with waitMs it returns the answer,
        or at that time a durable call. If the connection breaks, the request is sent again."""
        timeout_s = request["waitMs"] / 1000 + _WAIT_SLACK_S

        def send(is_again: bool) -> Json:
            asked = {**request, "fresh": request.get("fresh", False) and not is_again}
            return self._post("/v1/calls", asked, timeout_s, cancellation)

        return repeated(send, _unsure("call"), cancellation)

    def outcomes(
        self, id: str, wait_ms: int = 0, cancellation: Optional[Cancellation] = None
    ) -> Json:
        """How a call ended; with wait_ms once it has."""
        query = {"tasks": "0", "waitMs": wait_ms}
        return self._get(f"/v1/invocations/{quote(id)}/outcomes", query, wait_ms, cancellation)

    def stream_map(
        self, request_id: str, function: str, frames: Buffers, time_limit_ms: Optional[int]
    ) -> Json:
        query: Json = {"requestId": request_id, "function": function}
        if time_limit_ms is not None:
            query["timeLimitMs"] = time_limit_ms
        path = f"/v1/maps/stream?{urlencode(query)}"
        request = Request("POST", path, None, frames, _FRAMES_TYPE, _CONTENT_TIMEOUT_S)
        return self._send(request)

    def results(
        self, id: str, query: Json, wait_ms: int, cancellation: Optional[Cancellation] = None
    ) -> Json:
        """The results of a map after the first `after` of them; with wait_ms once there is one."""
        asked = {**query, "waitMs": wait_ms}
        return self._get(f"/v1/maps/{quote(id)}/results", asked, wait_ms, cancellation)

    def cancel(self, ids: Sequence[str]) -> Json:
        return self._post("/v1/cancel", {"ids": list(ids)})

    def put_blob(self, sha256: str, content: Buffers) -> None:
        request = Request(
            "PUT", f"/v1/blobs/{sha256}", None, content, timeout_s=_CONTENT_TIMEOUT_S
        )
        broken = "the connection to gleanerd broke while the content was sent: try again"
        repeated(lambda _: self._send(request), broken)

    def get_blob(self, sha256: str) -> bytes:
        request = Request("GET", f"/v1/blobs/{sha256}", timeout_s=_CONTENT_TIMEOUT_S)
        broken = "the connection to gleanerd broke while the content arrived: try again"
        data: bytes = repeated(lambda _: self._answer(request), broken)
        return data

    def deploy(self, name: str, bundle: str) -> Json:
        """`bundle`: the hash of what put_blob() sent."""
        body = {"requestId": str(uuid.uuid4()), "name": name, "bundle": bundle}
        broken = f"the connection to gleanerd broke while {name} was deployed: deploy it again"
        return repeated(lambda _: self._post("/v1/functions", body), broken)

    def begin_lease(self, body: Json) -> Json:
        timeout_s = body["waitMs"] / 1000 + _WAIT_SLACK_S
        broken = "the connection to gleanerd broke while it granted the lease: lease again"
        return repeated(
            lambda is_again: self._post("/v1/leases", {**body, "fresh": not is_again}, timeout_s),
            broken,
        )

    def lease(self, id: str, revision: int, wait_ms: int) -> Json:
        """A lease once its revision is another one, or after wait_ms."""
        query = {"revision": revision, "waitMs": wait_ms}
        return self._get(f"/v1/leases/{quote(id)}", query, wait_ms)

    def renew_lease(self, id: str, ttl_ms: int) -> Json:
        return self._post(f"/v1/leases/{quote(id)}/renew", {"ttlMs": ttl_ms})

    def end_lease(self, id: str) -> Json:
        return self._post(f"/v1/leases/{quote(id)}/end", {})

    def _get(
        self,
        path: str,
        query: Mapping[str, object],
        wait_ms: int = 0,
        cancellation: Optional[Cancellation] = None,
    ) -> Json:
        timeout_s = wait_ms / 1000 + _WAIT_SLACK_S if wait_ms > 0 else DEFAULT_TIMEOUT_S
        asked = f"{path}?{urlencode(query)}" if query else path
        request = Request("GET", asked, timeout_s=timeout_s, cancellation=cancellation)
        return self._send(request)

    def _post(
        self,
        path: str,
        body: Json,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        cancellation: Optional[Cancellation] = None,
    ) -> Json:
        request = Request(
            "POST", path, body, timeout_s=timeout_s, cancellation=cancellation
        )
        return self._send(request)

    def _send(self, request: Request) -> Json:
        answer: Json = self._answer(request)
        return answer

    def _answer(self, request: Request) -> Any:
        """JSON or bytes. Renews a rejected token once: gleanerd may have restarted with new keys."""
        token = self._tokens.get(request.cancellation)
        try:
            return self._http.send(request, token)
        except GleanerError as error:
            if error.code != "NOT_IDENTIFIED":
                raise
        return self._http.send(request, self._tokens.renew(token, request.cancellation))


def _unsure(what: str) -> str:
    return (
        f"the connection to gleanerd broke during the {what}, which may or may not be in the"
        " queue: check with glean queue --me before you submit again"
    )
