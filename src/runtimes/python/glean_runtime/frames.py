"""Frames of the worker protocol: a header of 16 bytes, then metadata, then a payload."""

from __future__ import annotations

import struct
from typing import NamedTuple

PROTOCOL_VERSION = 1

HELLO, LOAD, LOADED, LOAD_FAILED, CALL, CANCEL, RESULT, ERROR, LOG, BYE = range(1, 11)
FORK, FORKED, FORK_FAILED, CHILD_ENDED = range(11, 15)
SERVE, SERVING, USAGE, TERMINATING = range(15, 19)

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
MAX_METADATA_BYTES = 1024
MAX_FIELDS_BYTES = 64 * 1024
MAX_LOG_PIECE_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 8 * 1024
MAX_STACK_BYTES = 32 * 1024
MAX_TYPE_BYTES = 255
MAX_ID = 2**53 - 1

#: Body length, type, flags, length of the metadata, call id.
HEADER = struct.Struct("<IBBHQ")
#: Milliseconds left, attempt, length of the content type; content type and name follow.
CALL_HEAD = struct.Struct("<IHH")

_WITH_PAYLOAD = (CALL, RESULT)
_WITH_ID = (CALL, CANCEL, RESULT, ERROR, *range(FORK, TERMINATING + 1))


class ProtocolError(Exception):
    """The peer sent what is no frame, or one over its limit."""


class Header(NamedTuple):
    type: int
    id: int
    metadata_bytes: int
    payload_bytes: int


class Frame(NamedTuple):
    type: int
    id: int
    metadata: bytes
    payload: bytes


class CallHead(NamedTuple):
    deadline_ms: int
    attempt: int
    content_type: str
    name: str


def encode_head(type: int, id: int, metadata: bytes, payload_bytes: int) -> bytes:
    body_bytes = len(metadata) + payload_bytes
    return HEADER.pack(body_bytes, type, 0, len(metadata), id) + metadata


def encode(type: int, id: int, payload: bytes = b"", metadata: bytes = b"") -> bytes:
    return encode_head(type, id, metadata, len(payload)) + payload


def decode_header(data: bytes) -> Header:
    body_bytes, type, flags, metadata_bytes, id = HEADER.unpack(data)
    if not HELLO <= type <= TERMINATING:
        raise ProtocolError(f"there is no frame of type {type}")
    if flags != 0 or metadata_bytes > body_bytes:
        raise ProtocolError("a frame's header is invalid")
    if id > MAX_ID or (type != LOG and (id != 0) != (type in _WITH_ID)):
        raise ProtocolError("a frame has an invalid call id")
    payload_bytes = body_bytes - metadata_bytes
    metadata_limit, payload_limit = _limits(type)
    if metadata_bytes > metadata_limit or payload_bytes > payload_limit:
        raise ProtocolError("a frame is over its limit")
    return Header(type, id, metadata_bytes, payload_bytes)


def _limits(type: int) -> tuple[int, int]:
    if type in _WITH_PAYLOAD:
        return MAX_METADATA_BYTES, MAX_PAYLOAD_BYTES
    if type == LOG:
        return 1, MAX_LOG_PIECE_BYTES
    return 0, 0 if type == CANCEL else MAX_FIELDS_BYTES


def encode_fields(fields: dict[str, object]) -> bytes:
    """`name=value`, each ended by a NUL byte; omits what is None."""
    texts = [
        f"{name}={value}".replace("\0", " ") + "\0"
        for name, value in fields.items()
        if value is not None
    ]
    return to_bytes("".join(texts))


def decode_fields(payload: bytes) -> dict[str, str]:
    if payload and payload[-1] != 0:
        raise ProtocolError("a message has invalid fields: the last one does not end")
    fields = {}
    for text in payload.decode("utf-8").split("\0")[:-1]:
        name, equals, value = text.partition("=")
        if not name or not equals or name in fields:
            raise ProtocolError("a message has invalid fields: one has no valid name")
        fields[name] = value
    return fields


def decode_call_head(metadata: bytes) -> CallHead:
    deadline_ms, attempt, type_bytes = CALL_HEAD.unpack_from(metadata)
    name_at = CALL_HEAD.size + type_bytes
    if name_at > len(metadata):
        raise ProtocolError("a call's content type is cut off")
    content_type = metadata[CALL_HEAD.size : name_at].decode("utf-8")
    return CallHead(deadline_ms, attempt, content_type, metadata[name_at:].decode("utf-8"))


def to_bytes(text: str) -> bytes:
    """UTF-8, also of the lone surrogates that Python's strings may have."""
    return text.encode("utf-8", "backslashreplace")


def cut(text: str, limit: int) -> str:
    """The beginning of a text, cut between characters."""
    data = to_bytes(text)
    return text if len(data) <= limit else data[:limit].decode("utf-8", "ignore")


def cut_start(text: str, limit: int) -> str:
    """The end of a text, where a traceback says what happened."""
    data = to_bytes(text)
    return text if len(data) <= limit else data[-limit:].decode("utf-8", "ignore")
