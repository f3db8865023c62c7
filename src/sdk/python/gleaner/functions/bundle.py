"""A bundle: the settings of a function and its files as a tar in which equal content is equal bytes,
as src/bundle/tar.ts writes it."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ..errors import GleanerError

_BLOCK_BYTES = 512
_MANIFEST = ".gleaner/function.json"
_MAX_HEADER_NAME = 100
_MAX_BYTES = 64 * 1024 * 1024
#: What no program needs; the same as `glean function deploy` leaves out.
_IGNORED = (
    *(".git", ".hg", ".svn", "__pycache__", ".venv", ".tox", ".mypy_cache", ".pytest_cache"),
    *(".ruff_cache", ".ipynb_checkpoints", ".DS_Store"),
)


def pack(settings: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Raises LIMIT_REACHED if it would be too large."""
    canonical = {"format": 1, "settings": dict(settings)}
    manifest = json.dumps(canonical, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    parts = [*_file(_MANIFEST, manifest.encode())]
    for name in sorted(files, key=os.fsencode):
        parts += _file(name, files[name])
    parts.append(bytes(2 * _BLOCK_BYTES))
    packed = b"".join(parts)
    if len(packed) > _MAX_BYTES:
        largest = max(files, key=lambda name: len(files[name]))
        raise GleanerError(
            "LIMIT_REACHED",
            f"the code would have {len(packed)} bytes and the limit is {_MAX_BYTES} (the largest"
            f" file is {largest}): keep large data on a shared file system",
        )
    return packed


def folder_files(folder: str, below: str) -> Dict[str, bytes]:
    """The files of a folder, by their names in a bundle that has it as `below`."""
    files: Dict[str, bytes] = {}
    for path, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [each for each in folders if each not in _IGNORED]
        for name in names:
            if name not in _IGNORED and not name.endswith(".pyc"):
                whole = os.path.join(path, name)
                with open(whole, "rb") as file:
                    files[os.path.join(below, os.path.relpath(whole, folder))] = file.read()
    return files


def _file(name: str, content: bytes) -> Iterator[bytes]:
    encoded = name.encode()
    if len(encoded) > _MAX_HEADER_NAME:
        record = _pax_record(encoded)
        yield _header(b"@PaxHeader", len(record), b"x")
        yield from _padded(record)
    yield _header(encoded[:_MAX_HEADER_NAME], len(content), b"0")
    yield from _padded(content)


def _header(name: bytes, size: int, type: bytes) -> bytes:
    """Mode, owner, group, size, time; the sum is that of a header with blanks in its place."""
    fields: List[Tuple[int, bytes]] = [
        (0, name),
        (100, b"0000644\0" b"0000000\0" b"0000000\0" + b"%011o\0" % size + b"00000000000\0"),
        (148, b" " * 8 + type),
        (257, b"ustar\x0000"),
        (329, b"0000000\0" b"0000000\0"),
    ]
    block = bytearray(_BLOCK_BYTES)
    for at, text in fields:
        block[at : at + len(text)] = text
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _pax_record(name: bytes) -> bytes:
    """`27 path=…` and a line feed, where the number counts itself."""
    rest = len(b" path=\n") + len(name)
    length = rest + 1
    while len(str(length)) + rest != length:
        length = len(str(length)) + rest
    return b"%d path=%s\n" % (length, name)


def _padded(content: bytes) -> Tuple[bytes, bytes]:
    return content, bytes(-len(content) % _BLOCK_BYTES)
