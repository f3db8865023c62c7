"""Values as payloads and back: bytes as they are, arrays of numpy as .npy, everything else as
JSON."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import sys
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple, Union

from .errors import GleanerError

if TYPE_CHECKING:
    import numpy

#: More belongs into a file on a shared file system.
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
#: A larger payload travels beside requests and answers, which name its hash.
MAX_INLINE_BYTES = 64 * 1024

JSON, BYTES, TEXT, NPY = (
    "application/json",
    "application/octet-stream",
    "text/plain",
    "application/x-npy",
)
_IS_TEXT = re.compile(r"text/|application/(json|x-ndjson|xml)\b")
_IS_JSON = re.compile(r"application/(?:[^;\s]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_CONTENT_TYPE = re.compile(r"[\x20-\x7e]{0,255}")

#: Whatever has the buffer protocol, such as bytes, bytearray, memoryview and array.array.
Buffer = Union[bytes, bytearray, memoryview]


class Content:
    """An input with a content type of its own. Buffers are sent from where they are, not copied:
    leave them as they are until the call has ended."""

    __slots__ = ("content_type", "parts", "size")

    def __init__(self, content_type: str, body: Union[str, Buffer, Sequence[Buffer]]) -> None:
        if not _CONTENT_TYPE.fullmatch(content_type):
            raise _bad("a content type has at most 255 printable ASCII characters")
        self.content_type = content_type
        if isinstance(body, str):
            body = body.encode("utf-8", "backslashreplace")
        parts = [body] if isinstance(body, (bytes, bytearray, memoryview)) else body
        self.parts: Tuple[Union[bytes, memoryview], ...] = tuple(map(flat, parts))
        self.size = sum(map(len, self.parts))

    def joined(self) -> bytes:
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], bytes):
            return parts[0]
        return b"".join(parts)


_new = object.__new__


def content_of(value: object) -> Content:
    """Raises LIMIT_REACHED or BAD_REQUEST."""
    if type(value) is bytes:
        content: Content = _new(Content)
        content.content_type, content.parts, content.size = BYTES, (value,), len(value)
    else:
        content = _as_content(value)
    if content.size > MAX_PAYLOAD_BYTES:
        raise GleanerError(
            "LIMIT_REACHED",
            f"the input has {content.size} bytes and the limit is {MAX_PAYLOAD_BYTES}: put the data"
            " into a file on a shared file system, and name it in the input",
        )
    return content


def _as_content(value: object) -> Content:
    if isinstance(value, Content):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Content(BYTES, value)
    # Another thread may be importing it.
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is not None and isinstance(value, array):
        return array_content(value)
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        advice = "give a value that JSON can express, bytes, or an array of numpy"
        raise _bad(f"the input cannot be written as JSON ({error}): {advice}") from error
    return _plain(JSON, text.encode("utf-8", "backslashreplace"))


def _plain(content_type: str, data: bytes) -> Content:
    """Without the checks that Content makes: they take as long as a short call's other steps."""
    content: Content = _new(Content)
    content.content_type = content_type
    content.parts = (data,)
    content.size = len(data)
    return content


def array_content(array: "numpy.ndarray[Any, Any]") -> Content:
    """An array as a .npy file, without a copy of its data if that is contiguous."""
    import numpy.lib.format as npy

    if array.dtype.hasobject:
        raise _bad("an array of objects cannot be an input: give one of numbers")
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy()
    head = io.BytesIO()
    npy.write_array_header_1_0(head, npy.header_data_from_array_1_0(array))
    flat = array if array.flags.c_contiguous else array.T
    # A view of bytes has every dtype, also those that the buffer protocol does not know.
    data = flat.reshape(-1).view("u1").data if array.size else b""
    return Content(NPY, [head.getvalue(), data])


def array_of(data: Buffer) -> "numpy.ndarray[Any, Any]":
    """The array in a .npy file, over the same memory."""
    import numpy
    import numpy.lib.format as npy

    view = memoryview(data)
    if bytes(view[:6]) != b"\x93NUMPY" or len(view) < 10:
        raise _bad("these bytes are no .npy file")
    head = io.BytesIO(view[: min(len(view), 10 + struct.unpack_from("<H", view, 8)[0])])
    version = npy.read_magic(head)
    if version != (1, 0):
        raise _bad(f"a .npy file of version {version} is not read: write version 1.0")
    shape, fortran_order, dtype = npy.read_array_header_1_0(head)
    array = numpy.frombuffer(view[head.tell() :], dtype=dtype)
    return array.reshape(shape, order="F" if fortran_order else "C")


def value_of(content_type: str, data: bytes) -> Any:
    """JSON as its value, other text as a string, .npy as an array if numpy is installed, anything
    else as bytes."""
    if content_type == BYTES:
        return data
    if content_type == NPY:
        try:
            return array_of(data)
        except ImportError:
            return data
    if not _IS_TEXT.match(content_type) and not _IS_JSON.match(content_type):
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return json.loads(text) if _IS_JSON.match(content_type) else text


def inline_payload(content: Content) -> Dict[str, Any]:
    """As the API has short payloads."""
    data = content.joined()
    if _IS_TEXT.match(content.content_type):
        try:
            return {"contentType": content.content_type, "text": data.decode("utf-8")}
        except UnicodeDecodeError:
            pass  # it is no text, whatever its type says
    return {"contentType": content.content_type, "base64": base64.b64encode(data).decode()}


def value_in(payload: Dict[str, Any], fetched: Optional[bytes]) -> Any:
    """`fetched`: what a payload that gleanerd keeps by its hash consists of."""
    if fetched is not None:
        return value_of(payload["contentType"], fetched)
    if "text" in payload:
        text: str = payload["text"]
        return json.loads(text) if _IS_JSON.match(payload["contentType"]) else text
    return value_of(payload["contentType"], base64.b64decode(payload.get("base64", "")))


def flat(buffer: Buffer) -> Union[bytes, memoryview]:
    if isinstance(buffer, bytes):
        return buffer
    view = memoryview(buffer)
    if not view.contiguous:
        raise _bad("a buffer that is not contiguous cannot be sent: copy it first")
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _bad(message: str) -> GleanerError:
    return GleanerError("BAD_REQUEST", message)
