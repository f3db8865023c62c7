"""Arrays of numpy as inputs and outputs: the bytes of a .npy file, version 1.0."""

from __future__ import annotations

import io
import struct

from ..errors import UserError

#: As in the module typing, which takes longer to import than this one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy

NPY = "application/x-npy"
_MAGIC = b"\x93NUMPY\x01\x00"
_LENGTH = struct.Struct("<H")


def read_array(data: bytes) -> object:
    """The array, over the same memory and so read-only; the bytes where there is no numpy."""
    try:
        import numpy
        import numpy.lib.format as npy
    except ImportError:
        return data
    begin = len(_MAGIC) + _LENGTH.size
    if len(data) < begin or not data.startswith(_MAGIC):
        raise UserError("input", "ValueError", "the input is no .npy file of version 1.0")
    head = io.BytesIO(data[: begin + _LENGTH.unpack_from(data, len(_MAGIC))[0]])
    head.seek(len(_MAGIC))
    try:
        shape, is_fortran, dtype = npy.read_array_header_1_0(head)
        array = numpy.frombuffer(data, dtype, offset=head.tell())
        return array.reshape(shape, order="F" if is_fortran else "C")
    except ValueError as error:
        raise UserError("input", "ValueError", f"the input is no .npy file: {error}") from None


def write_array(array: "numpy.ndarray") -> bytes:
    import numpy.lib.format as npy

    if array.dtype.hasobject:
        raise UserError("output", "TypeError", "the result is an array of objects: return numbers")
    head = io.BytesIO()
    npy.write_array_header_1_0(head, npy.header_data_from_array_1_0(array))
    is_fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    flat = (array.T if is_fortran else array).ravel()
    # A view of bytes has every dtype, also those that the buffer protocol does not know.
    data = flat.view("u1").data if array.size else b""
    return b"".join((head.getvalue(), data))
