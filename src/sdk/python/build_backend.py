"""Builds the wheel and the source archive (PEP 517) with the standard library alone; equal sources
are equal bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import tarfile
import zipfile
from typing import Dict, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
_TIME = (1980, 1, 1, 0, 0, 0)


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: Optional[str] = None
) -> str:
    name = f"gleaner-{_version()}"
    files = {path: data for path, data in _sources().items() if path.startswith("gleaner/")}
    files[f"{name}.dist-info/METADATA"] = _metadata()
    files[f"{name}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: gleaner\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = f"{name}.dist-info/RECORD"
    lines = [f"{path},{_digest(data)},{len(data)}\n" for path, data in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    made = f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, made), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _TIME)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return made


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    name = f"gleaner-{_version()}"
    made = f"{name}.tar.gz"
    with open(os.path.join(sdist_directory, made), "wb") as file, gzip.GzipFile(
        "", "wb", fileobj=file, mtime=0
    ) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in {**_sources(), "PKG-INFO": _metadata()}.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made


def _sources() -> Dict[str, bytes]:
    """In the order of their names."""
    paths = ["README.md", "build_backend.py", "pyproject.toml"]
    for folder, folders, names in os.walk(os.path.join(_HERE, "gleaner")):
        folders[:] = [each for each in folders if each != "__pycache__"]
        paths += [os.path.relpath(os.path.join(folder, name), _HERE) for name in names]
    return {path: _read(path) for path in sorted(paths)}


def _metadata() -> bytes:
    head = [
        "Metadata-Version: 2.1",
        "Name: gleaner",
        f"Version: {_version()}",
        f"Summary: {_project('description')}",
        f"Requires-Python: {_project('requires-python')}",
        "License: Apache-2.0",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join([*head, "", ""]).encode() + _read("README.md")


def _version() -> str:
    return _project("version")


def _project(key: str) -> str:
    """Python 3.9 has no parser of TOML; ours has one line for each key."""
    found = re.search(rf'^{key} = "(.*)"$', _read("pyproject.toml").decode(), re.MULTILINE)
    if found is None:
        raise ValueError(f"pyproject.toml has no {key}")
    return found[1]


def _read(path: str) -> bytes:
    with open(os.path.join(_HERE, path), "rb") as file:
        return file.read()


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"
