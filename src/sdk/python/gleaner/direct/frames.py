"""Frames of the direct path: a header of 16 bytes, metadata, a payload; see direct-path.md."""

from __future__ import annotations

import hmac
import struct
from typing import Dict, Optional, Tuple, Union

CALL, CANCEL, RESULT, ERROR, BYE = 5, 6, 7, 8, 10
CLIENT_HELLO, WORKER_HELLO, CLIENT_PROOF, ACCEPTED, REFUSED = range(32, 37)
BUSY, TERMINATING, ENDED = 37, 38, 39

#: Body length, type, flags, length of the metadata, call id.
HEADER = struct.Struct("<IBBHQ")
HEADER_BYTES = HEADER.size
_CALL_HEAD = struct.Struct("<IHH")
_MAX_ID = 2**53 - 1
_PAYLOAD = 64 * 1024 * 1024
_SHORT = 1024

#: By type of what a worker sends: whether it has an id (None: either), metadata, payload.
_RULES: Dict[int, Tuple[Optional[bool], int, int]] = {
    RESULT: (True, 1024, _PAYLOAD),
    ERROR: (True, 0, 64 * 1024),
    BUSY: (True, 0, 0),
    ENDED: (None, 0, _SHORT),
    **dict.fromkeys((BYE, WORKER_HELLO, ACCEPTED, REFUSED, TERMINATING), (False, 0, _SHORT)),
}

#: Type, id, bytes of metadata, bytes of payload. A named tuple takes twice the time to make.
Header = Tuple[int, int, int, int]


class FrameError(Exception):
    """The peer sent what is no frame, or one over its limit."""


def decode_header(data: Union[bytes, bytearray]) -> Header:
    """Of the first bytes of `data`, at least as many as a header has."""
    body_bytes, type, flags, metadata_bytes, id = HEADER.unpack_from(data)
    rule = _RULES.get(type)
    if rule is None or flags != 0 or metadata_bytes > body_bytes or id > _MAX_ID:
        raise FrameError(f"the worker sent no frame that has a place here (type {type})")
    has_id, metadata_limit, payload_limit = rule
    payload_bytes = body_bytes - metadata_bytes
    if has_id is not None and has_id != (id != 0):
        raise FrameError("a frame of the worker has an invalid call id")
    if metadata_bytes > metadata_limit or payload_bytes > payload_limit:
        raise FrameError("a frame of the worker is over its limit")
    return type, id, metadata_bytes, payload_bytes


def encode_head(type: int, id: int, metadata: bytes, payload_bytes: int) -> bytes:
    body_bytes = len(metadata) + payload_bytes
    return HEADER.pack(body_bytes, type, 0, len(metadata), id) + metadata


def call_head(deadline_ms: int, attempt: int, content_type: str, name: str) -> bytes:
    text = content_type.encode("ascii")
    return _CALL_HEAD.pack(deadline_ms, attempt, len(text)) + text + name.encode()[:255]


def encode_fields(fields: Dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\0" for name, value in fields.items()).encode()


def decode_fields(payload: bytes) -> Dict[str, str]:
    if payload and payload[-1] != 0:
        raise FrameError("a message of the worker has invalid fields")
    pairs = [text.partition("=") for text in payload.decode("utf-8", "replace").split("\0")[:-1]]
    if not all(name and equals for name, equals, _ in pairs):
        raise FrameError("a message of the worker has a field without a name")
    return {name: value for name, _, value in pairs}


def proof_of(key: bytes, side: str, worker: str, client_nonce: str, worker_nonce: str) -> str:
    text = f"gleaner-direct-1|{side}|{worker}|{client_nonce}|{worker_nonce}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def is_proof(
    given: str, key: bytes, side: str, worker: str, client_nonce: str, worker_nonce: str
) -> bool:
    """In constant time."""
    expected = proof_of(key, side, worker, client_nonce, worker_nonce)
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
