"""Frames of the worker protocol and of the direct path: a header of 16 bytes, then metadata, then a payload."""

from __future__ import annotations

import struct
from collections import namedtuple

PROTOCOL_VERSION = 1

HELLO, LOAD, LOADED, LOAD_FAILED, CALL, CANCEL, RESULT, ERROR, LOG, BYE = range(1, 11)
FORK, FORKED, FORK_FAILED, CHILD_ENDED = range(11, 15)
SERVE, SERVING, USAGE, TERMINATING = range(15, 19)

# The direct path between clients and leased workers also has CALL, CANCEL, RESULT, ERROR and BYE.
CLIENT_HELLO, WORKER_HELLO, CLIENT_PROOF, ACCEPTED, REFUSED = range(32, 37)
BUSY, DIRECT_TERMINATING, ENDED = range(37, 40)
SHM_OPEN, SHM_ACCEPTED, OFI_OPEN, OFI_ACCEPTED = range(40, 44)

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
MAX_METADATA_BYTES = 1024
MAX_FIELDS_BYTES = 64 * 1024
MAX_LOG_PIECE_BYTES = 64 * 1024
MAX_HANDSHAKE_BYTES = 1024
MAX_MESSAGE_BYTES = 8 * 1024
MAX_STACK_BYTES = 32 * 1024
MAX_TYPE_BYTES = 255
MAX_ID = 2**53 - 1

#: Body length, type, flags, length of the metadata, call id.
HEADER = struct.Struct("<IBBHQ")
#: Milliseconds left, attempt, length of the content type; content type and name follow.
CALL_HEAD = struct.Struct("<IHH")



#: What the frames of a type may have; `has_id` is None if both are fine.
Rule = namedtuple("Rule", ("has_id", "metadata_bytes", "payload_bytes"))


def _fields(has_id: bool | None, limit: int = MAX_FIELDS_BYTES) -> Rule:
    return Rule(has_id, 0, limit)


_CALL = Rule(True, MAX_METADATA_BYTES, MAX_PAYLOAD_BYTES)
_BARE = Rule(True, 0, 0)

#: By type.
WORKER_RULES = {
    **dict.fromkeys((HELLO, LOAD, LOADED, LOAD_FAILED, BYE), _fields(False)),
    **dict.fromkeys((ERROR, *range(FORK, TERMINATING + 1)), _fields(True)),
    **dict.fromkeys((CALL, RESULT), _CALL),
    CANCEL: _BARE,
    LOG: Rule(None, 1, MAX_LOG_PIECE_BYTES),
}
DIRECT_RULES = {
    **dict.fromkeys((BYE, *range(CLIENT_HELLO, OFI_ACCEPTED + 1)), _fields(False, MAX_HANDSHAKE_BYTES)),
    ERROR: _fields(True),
    **dict.fromkeys((CALL, RESULT), _CALL),
    **dict.fromkeys((CANCEL, BUSY), _BARE),
    ENDED: _fields(None, MAX_HANDSHAKE_BYTES),
}
#: What a worker takes from a client before it has proven itself, and after.
HANDSHAKE_RULES = {type: DIRECT_RULES[type] for type in (CLIENT_HELLO, CLIENT_PROOF)}
CLIENT_RULES = {type: DIRECT_RULES[type] for type in (CALL, CANCEL, BYE)}


NOT_HIGHER = "a call's id is not higher than the one before"


class ProtocolError(Exception):
    """The peer sent what is no frame, or one over its limit."""


Header = namedtuple("Header", ("type", "id", "metadata_bytes", "payload_bytes"))
Frame = namedtuple("Frame", ("type", "id", "metadata", "payload"))


#: Milliseconds left (0: there is no limit), attempt, content type, name. This and what
#: check_header() returns are made for each call: a named tuple takes many times as long.
CallHead = tuple[int, int, str, str]


def encode_head(type: int, id: int, metadata: bytes, payload_bytes: int) -> bytes:
    body_bytes = len(metadata) + payload_bytes
    return HEADER.pack(body_bytes, type, 0, len(metadata), id) + metadata


def encode(type: int, id: int, payload: bytes = b"", metadata: bytes = b"") -> bytes:
    return encode_head(type, id, metadata, len(payload)) + payload


def decode_header(data: bytes, rules: dict[int, Rule] = WORKER_RULES) -> Header:
    return Header(*check_header(data, 0, rules))


def check_header(data: bytes, at: int, rules: dict[int, Rule]) -> tuple[int, int, int, int]:
    """Type, id, bytes of metadata, bytes of payload, of the header that begins at `at`."""
    body_bytes, type, flags, metadata_bytes, id = HEADER.unpack_from(data, at)
    rule = rules.get(type)
    if rule is None:
        raise ProtocolError(f"no frame of type {type} has a place here")
    has_id, metadata_limit, payload_limit = rule
    if flags != 0 or metadata_bytes > body_bytes:
        raise ProtocolError("a frame's header is invalid")
    if id > MAX_ID or (has_id is not None and (id != 0) != has_id):
        raise ProtocolError("a frame has an invalid call id")
    payload_bytes = body_bytes - metadata_bytes
    if metadata_bytes > metadata_limit or payload_bytes > payload_limit:
        raise ProtocolError("a frame is over its limit")
    return type, id, metadata_bytes, payload_bytes


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
    return deadline_ms, attempt, content_type, metadata[name_at:].decode("utf-8")


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
