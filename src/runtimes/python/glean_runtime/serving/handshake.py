"""How client and worker prove to each other that they know the lease's key."""

from __future__ import annotations

import hmac
import os
import re
from typing import Optional

from .. import frames

VERSION = "1"
_NONCE = re.compile(r"[0-9a-f]{64}")


class Refusal(Exception):
    """Why a client is refused: a code and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Handshake:
    """The worker's side, for one connection."""

    def __init__(self, worker: str, key: bytes) -> None:
        self._worker = worker
        self._key = key
        self._nonces: Optional[tuple[str, str]] = None

    def hello(self, fields: dict[str, str]) -> dict[str, object]:
        """The answer to a client's hello."""
        nonce = fields.get("nonce", "")
        if fields.get("version") != VERSION or not _NONCE.fullmatch(nonce):
            raise Refusal("PROTOCOL", "the client's hello has another version, or no nonce")
        self._nonces = (nonce, os.urandom(32).hex())
        if fields.get("worker") != self._worker:
            # Nobody learns from the answer which workers there are.
            self._key = os.urandom(32)
        return {"version": VERSION, "nonce": self._nonces[1], "proof": self._proof_of("worker")}

    def check(self, fields: dict[str, str]) -> None:
        given = fields.get("proof", "").encode("utf-8", "backslashreplace")
        if self._nonces is None or not hmac.compare_digest(
            given, self._proof_of("client").encode("ascii")
        ):
            raise Refusal("NOT_PROVEN", "the client does not know this worker's key")

    def _proof_of(self, side: str) -> str:
        return proof_of(self._key, side, self._worker, *self._nonces)


def proof_of(key: bytes, side: str, worker: str, client_nonce: str, worker_nonce: str) -> str:
    text = f"gleaner-direct-1|{side}|{worker}|{client_nonce}|{worker_nonce}"
    return hmac.new(key, frames.to_bytes(text), "sha256").hexdigest()
