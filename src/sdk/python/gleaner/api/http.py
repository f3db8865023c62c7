"""Sends requests to gleanerd over connections that are kept, with limits on size and time, and
errors as sentences."""

from __future__ import annotations

import http.client
import json
import re
import select
import socket
import ssl
import threading
import time
from email.message import Message
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from .. import forks
from ..errors import BrokenOffError, GleanerError, RefusedForNowError
from .cancellation import Cancellation, shut
from .links import watch_link
from .settings import Address

#: A daemon that commits or draws a report may take seconds, but never half a minute.
DEFAULT_TIMEOUT_S = 30.0
#: The largest content and the longest list.
_MAX_ANSWER_BYTES = 65 * 1024 * 1024
#: Shorter than gleanerd's own limit.
_IDLE_S = 30.0
_MAX_IDLE = 64

_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)

Buffers = Sequence[Union[bytes, memoryview]]


#: Status, headers, body.
_Answer = Tuple[int, Message, bytes]


class Request(NamedTuple):
    method: str
    path: str
    #: Of JSON, unless `content` has bytes.
    body: Optional[Dict[str, Any]] = None
    content: Optional[Buffers] = None
    content_type: str = "application/octet-stream"
    timeout_s: float = DEFAULT_TIMEOUT_S
    cancellation: Optional[Cancellation] = None


class Http:
    """Connections to one address; threads may use it at the same time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._idle: List[Tuple[http.client.HTTPConnection, float]] = []
        self._tls: Optional[ssl.SSLContext] = None
        forks.watch(self)

    def send(self, request: Request, token: Optional[str] = None) -> Any:
        """The JSON or the bytes of the answer. Raises gleanerd's own error, UNREACHABLE if nothing
        listens, BrokenOffError if the connection broke, PROTOCOL if the peer is not gleanerd."""
        connection = self._take() or self.open()
        return self.send_on(connection, request, token)

    def send_on(
        self, connection: http.client.HTTPConnection, request: Request, token: Optional[str] = None
    ) -> Any:
        is_kept = False
        try:
            status, headers, data = self._exchange(connection, request, token)
            is_kept = True
        except (OSError, http.client.HTTPException) as error:
            if request.cancellation is not None:
                request.cancellation.check()
            # One with a number is the kernel's: the link is cut.
            if isinstance(error, TimeoutError) and error.errno is None:
                error = TimeoutError(f"no answer within {request.timeout_s:.0f} s")
            raise BrokenOffError(
                f"the connection to gleanerd on {self._where} broke ({_reason(error)}): try again"
                " in a moment"
            ) from error
        finally:
            if is_kept:
                self.keep(connection)
            else:
                connection.close()
        return self._understand(status, headers, data)

    def open(self, host: Optional[str] = None) -> http.client.HTTPConnection:
        """`host`: another address of the same daemon than its name has first."""
        connection = http.client.HTTPConnection(self.address.host, self.address.port)
        try:
            connected = socket.create_connection(
                (host or self.address.host, self.address.port), DEFAULT_TIMEOUT_S
            )
        except OSError as error:
            raise GleanerError(
                "UNREACHABLE",
                f"gleanerd does not answer on {self._where} ({_reason(error)}): check that it runs"
                " there, or ask your administrator",
            ) from error
        watch_link(connected, always_reads=False)
        connection.sock = self._encrypted(connected)
        return connection

    def keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if connection.sock is not None and len(self._idle) < _MAX_IDLE:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._idle = []

    def _take(self) -> Optional[http.client.HTTPConnection]:
        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < _IDLE_S and not _has_ended(connection):
                    return connection
                connection.close()
        return None

    def _encrypted(self, connected: socket.socket) -> socket.socket:
        tls = self.address.tls
        if tls is None:
            return connected
        try:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=tls.ca_file)
            return self._tls.wrap_socket(connected, server_hostname=tls.name)
        except OSError as error:
            connected.close()
            raise GleanerError(
                "PROTOCOL",
                f"gleanerd on {self._where} did not prove its identity by TLS ({_reason(error)}):"
                " check listen.host, listen.tls.ca and the clock of this machine",
            ) from error

    def _exchange(
        self, connection: http.client.HTTPConnection, request: Request, token: Optional[str]
    ) -> _Answer:
        connected = connection.sock
        connected.settimeout(request.timeout_s)
        if request.cancellation is None:
            return self._converse(connection, request, token)
        with request.cancellation.stopping(lambda: shut(connected)):
            return self._converse(connection, request, token)

    def _converse(
        self, connection: http.client.HTTPConnection, request: Request, token: Optional[str]
    ) -> _Answer:
        parts: Buffers = request.content or ()
        content_type = request.content_type
        if request.body is not None:
            parts, content_type = (json.dumps(request.body).encode(),), "application/json"
        connection.putrequest(request.method, request.path, skip_accept_encoding=True)
        connection.putheader("Accept", "application/json")
        if token is not None:
            connection.putheader("Authorization", f"Bearer {token}")
        if request.method != "GET":
            connection.putheader("Content-Length", str(sum(map(len, parts))))
        if parts:
            connection.putheader("Content-Type", content_type)
        try:
            connection.endheaders(parts[0] if len(parts) == 1 else None)
            if len(parts) > 1:
                for part in parts:
                    connection.send(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # gleanerd refuses a content before it has read it: its answer says why
        answer = connection.getresponse()
        data = answer.read(_MAX_ANSWER_BYTES + 1)
        if len(data) > _MAX_ANSWER_BYTES:
            raise http.client.HTTPException(f"it is larger than {_MAX_ANSWER_BYTES} bytes")
        return answer.status, answer.headers, data

    def _understand(self, status: int, headers: Message, data: bytes) -> Any:
        content_type = headers.get("content-type", "")
        if status == 200 and content_type.startswith("application/octet-stream"):
            return data
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if isinstance(value, dict):
            if 200 <= status < 300:
                return value
            error = value.get("error")
            if isinstance(error, dict) and isinstance(error.get("code"), str):
                code, message = error["code"], str(error.get("message"))
                retry_after = _SECONDS.fullmatch(headers.get("retry-after", ""))
                if retry_after is not None:
                    raise RefusedForNowError(code, message, float(retry_after.group()))
                raise GleanerError(code, message)
        raise GleanerError(
            "PROTOCOL",
            f"the program that listens on {self._where} does not answer as gleanerd does: check"
            " listen.apiPort in the configuration",
        )

    @property
    def _where(self) -> str:
        return f"{self.address.host} port {self.address.port}"


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Nothing may arrive on an idle connection but its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
