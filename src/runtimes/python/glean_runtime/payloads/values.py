"""Inputs and outputs of handlers: JSON as values, .npy as arrays, everything else as bytes."""

from __future__ import annotations

import json
import re
import sys

from .arrays import NPY, read_array, write_array
from ..errors import UserError

#: `application/json` and what is derived from it, such as `application/geo+json`.
_JSON = re.compile(r"application/(?:[^;\s]+\+)?json\s*(?:;|$)", re.IGNORECASE)

#: NaN and Infinity are no JSON: what reads the result would fail, far from here.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

BYTES = "application/octet-stream"
_BYTES_SENT = BYTES.encode()


def read_input(content_type: str, data: bytes) -> object:
    if content_type == BYTES:
        return data
    if content_type == NPY:
        return read_array(data)
    if not _JSON.match(content_type):
        return data
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError as error:
        raise UserError(
            "input", type(error).__name__, f"the input is not valid JSON: {error}"
        ) from None


def write_output(result: object, limit_bytes: int) -> tuple[bytes, bytes]:
    """The content type and the bytes."""
    content_type, data = (_BYTES_SENT, result) if type(result) is bytes else _output_of(result)
    if len(data) > limit_bytes:
        raise UserError(
            "output",
            "OutputTooLarge",
            f"the result has {len(data)} bytes; the limit is {limit_bytes}",
        )
    return content_type, data


def _output_of(result: object) -> tuple[bytes, bytes]:
    if isinstance(result, bytes):
        return _BYTES_SENT, result
    if isinstance(result, (bytearray, memoryview)):
        return _BYTES_SENT, bytes(result)
    if isinstance(result, str):
        return b"text/plain", result.encode("utf-8", "backslashreplace")
    # Another thread may be importing it.
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is not None and isinstance(result, array):
        return NPY.encode(), write_array(result)
    try:
        text = _ENCODER.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        # The handler is no `async def`, so nobody awaits what it returned.
        advice = ": declare the handler with async def" if hasattr(result, "__await__") else ""
        message = f"the result cannot be sent as JSON: {error}{advice}"
        raise UserError("output", type(error).__name__, message) from None
    return b"application/json", text.encode("utf-8", "backslashreplace")
