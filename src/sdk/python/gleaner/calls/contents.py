"""Inputs and results of every size: those over 64 KiB travel beside requests and answers, which
name their hashes."""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Dict, Optional

from ..api.client import Api
from ..errors import (
    UNREADABLE,
    CallError,
    FunctionError,
    GleanerError,
    NotLoadedError,
    unreadable,
)
from ..payloads import MAX_INLINE_BYTES, Content, content_of, inline_payload, value_in

#: The kind, the length of the content type, the length of the body.
_FRAME_HEAD = struct.Struct(">BBI")
_INLINE, _BLOB = 0, 1


def sendable(api: Api, value: object) -> Dict[str, Any]:
    """An input as a request has it. A large one is sent first."""
    content = content_of(value)
    if content.size <= MAX_INLINE_BYTES:
        return inline_payload(content)
    blob = _send(api, content)
    return {"contentType": content.content_type, "blob": blob, "bytes": content.size}


def framed(api: Api, value: object) -> bytes:
    """An input as a frame of a map. A large one is sent first."""
    content = content_of(value)
    content_type = content.content_type.encode("ascii")
    if content.size <= MAX_INLINE_BYTES:
        head = _FRAME_HEAD.pack(_INLINE, len(content_type), content.size)
        return b"".join((head, content_type, *content.parts))
    blob = _send(api, content).encode("ascii")
    return _FRAME_HEAD.pack(_BLOB, len(content_type), len(blob)) + content_type + blob


def result_of(api: Api, id: str, ended: Dict[str, Any]) -> Any:
    """The result of a call that has ended, of any size. Raises a CallError if it has none."""
    answer = ended["answer"]
    if answer is not None and answer["kind"] == "result":
        payload = answer["payload"]
        fetched = _fetched(api, id, payload.get("blob"))
        try:
            return value_in(payload, fetched)
        except UNREADABLE as why:
            raise unreadable(id, why) from why
    state, reason = ended["state"], ended["reason"] or ended["state"]
    # The end that the platform saw explains more than what is left of the worker.
    if state in ("TIMEOUT", "OUT_OF_MEMORY", "CANCELLED"):
        raise CallError(state, id, f"call {id}: {reason}")
    if answer is not None:
        error = answer["error"]
        kind = FunctionError if answer["kind"] == "exception" else NotLoadedError
        raise kind(id, error["type"], error["message"], error["stack"])
    if state == "COMPLETED":
        raise _removed(id)
    raise CallError("FAILED", id, f"call {id}: {reason}")


def _send(api: Api, content: Content) -> str:
    digest = hashlib.sha256()
    for part in content.parts:
        digest.update(part)
    sha256 = digest.hexdigest()
    api.put_blob(sha256, content.parts)
    return sha256


def _fetched(api: Api, id: str, blob: Optional[str]) -> Optional[bytes]:
    if blob is None:
        return None
    try:
        return api.get_blob(blob)
    except GleanerError as error:
        if error.code != "NOT_FOUND":
            raise
        raise _removed(id) from error


def _removed(id: str) -> CallError:
    message = f"the result of call {id} was removed for its age"
    return CallError("RESULT_REMOVED", id, message)
