"""The token that each request carries: from the cache that glean has, too, or from the daemon in
exchange for a munge credential."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any, Optional, Tuple

from .. import forks
from .cancellation import Cancellation, holding
from .http import Http, Request
from .munge import credential_payload, make_credential
from .private_files import private_name, read_private, write_private
from .repeat import in_turn
from .settings import Munge

#: A token this close to its expiry may be rejected on arrival.
_MARGIN_MS = 2_000
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class Tokens:
    """Holds one token; requests a new one if there is none or `renew` is called."""

    def __init__(
        self, http: Http, munge: Munge, cache_directory: Optional[str], cache_key: str
    ) -> None:
        self._http = http
        self._munge = munge
        self._directory = cache_directory
        host, port, _ = http.address
        # Character for character the key that glean has.
        key = [host, port, munge.socket, cache_key]
        self._key = json.dumps(key, separators=(",", ":"), ensure_ascii=False)
        self._lock = threading.Lock()
        self._current: Optional[str] = None
        forks.watch(self)

    def begin_anew(self) -> None:
        self._lock = threading.Lock()

    def get(self, cancellation: Optional[Cancellation]) -> str:
        with holding(self._lock, cancellation):
            if self._current is None:
                self._current = self._cached() or self._ask(cancellation)
            return self._current

    def renew(self, rejected: str, cancellation: Optional[Cancellation]) -> str:
        """A new one in place of a token that the daemon rejected; one request for all threads."""
        with holding(self._lock, cancellation):
            if self._current == rejected or self._current is None:
                self._current = self._ask(cancellation)
            return self._current

    def _ask(self, cancellation: Optional[Cancellation]) -> str:
        peer, challenge = in_turn(lambda: self._challenge(cancellation), cancellation)
        payload = credential_payload(
            peer, self._http.address.port, challenge["instance"], challenge["nonce"]
        )
        credential = make_credential(self._munge, payload)
        # To exactly the same address: a name may have several.
        body = {"credential": credential}
        request = Request("POST", "/v1/token", body, cancellation=cancellation)
        answer = in_turn(
            lambda: self._http.send_on(self._http.open(peer), request), cancellation
        )
        token: str = answer["token"]
        if self._directory is not None:
            expires = int(time.time() * 1000) + int(answer["validMs"])
            entry = {"key": self._key, "token": token, "expiresAtMs": expires}
            write_private(self._directory, private_name("token", self._key), json.dumps(entry))
        return token

    def _challenge(self, cancellation: Optional[Cancellation]) -> Tuple[str, Any]:
        """It, and the address that it came from."""
        connection = self._http.open()
        peer = connection.sock.getpeername()[0]
        request = Request("GET", "/v1/challenge", cancellation=cancellation)
        return peer, self._http.send_on(connection, request)

    def _cached(self) -> Optional[str]:
        if self._directory is None:
            return None
        text = read_private(self._directory, private_name("token", self._key))
        try:
            entry = json.loads(text or "")
            token, expires_ms = entry["token"], entry["expiresAtMs"]
            if entry["key"] != self._key or expires_ms - _MARGIN_MS <= time.time() * 1000:
                return None
            return token if _TOKEN.fullmatch(token) else None
        except (ValueError, KeyError, TypeError):
            return None
