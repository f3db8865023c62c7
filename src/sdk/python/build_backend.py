"""Builds the wheel and the source archive (PEP 517) with the standard library alone; equal sources
are equal bytes. The wheel has the compiled extension if there are a compiler and Python's headers,
unless $GLEANER_PURE_PYTHON is 1."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from typing import Dict, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
_EXTENSION = "gleaner/direct/_exchange.abi3.so"
_FLAGS = (
    "-O2 -std=gnu11 -Wall -Wextra -fPIC -fvisibility=hidden -shared -fstack-protector-strong"
    " -Wl,--build-id=none"
).split()
_TIME = (1980, 1, 1, 0, 0, 0)


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: Optional[str] = None
) -> str:
    name = f"gleaner-{_version()}"
    files = {path: data for path, data in _sources().items() if path.startswith("gleaner/")}
    extension = _extension()
    tag = "py3-none-any"
    if extension is not None:
        files[_EXTENSION] = extension
        tag = f"cp39-abi3-{re.sub('[-.]', '_', sysconfig.get_platform())}"
    files[f"{name}.dist-info/METADATA"] = _metadata()
    is_pure = "true" if extension is None else "false"
    head = f"Wheel-Version: 1.0\nGenerator: gleaner\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n"
    files[f"{name}.dist-info/WHEEL"] = head.encode()
    record = f"{name}.dist-info/RECORD"
    lines = [f"{path},{_digest(data)},{len(data)}\n" for path, data in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    made = f"{name}-{tag}.whl"
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


def compile_extension(target: str) -> bool:
    """False if this machine cannot: it has no compiler, no headers, or an interpreter of another
    kind. Raises CalledProcessError if the compiler refuses the source."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    headers = sysconfig.get_path("include")
    is_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    has_headers = os.path.exists(os.path.join(headers, "Python.h"))
    if compiler is None or not has_headers or is_threaded or sys.implementation.name != "cpython":
        return False
    sources = [path for path in _native() if path.endswith(".c")]
    command = [compiler, *_FLAGS, f"-I{headers}", *sources, "-o", target]
    subprocess.run(command, cwd=_HERE, check=True)
    return True


def _extension() -> Optional[bytes]:
    if os.environ.get("GLEANER_PURE_PYTHON") == "1":
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "exchange.so")
        if not compile_extension(made):
            return None
        with open(made, "rb") as file:
            return file.read()


def _native() -> List[str]:
    return sorted(f"native/{name}" for name in os.listdir(os.path.join(_HERE, "native")))


def _sources() -> Dict[str, bytes]:
    """In the order of their names."""
    paths = ["README.md", "build_backend.py", "pyproject.toml", *_native()]
    for folder, folders, names in os.walk(os.path.join(_HERE, "gleaner")):
        folders[:] = [each for each in folders if each != "__pycache__"]
        found = [name for name in names if not name.endswith(".so")]
        paths += [os.path.relpath(os.path.join(folder, name), _HERE) for name in found]
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
    """That of the checkout, or of the source archive."""
    checkout = os.path.join(_HERE, "..", "..", "..", "package.json")
    if os.path.exists(os.path.join(_HERE, "PKG-INFO")):
        found = re.search(r"^Version: (.*)$", _read("PKG-INFO").decode(), re.MULTILINE)
    elif os.path.exists(checkout):
        found = re.search(r'^  "version": "(.*)",$', _read(checkout).decode(), re.MULTILINE)
    else:
        found = None
    if found is None:
        raise ValueError("the version is not known: build from a checkout, or a source archive")
    return found[1]


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


if __name__ == "__main__":
    # Where Gleaner's own build wants it, for workers.
    if not compile_extension(os.path.abspath(sys.argv[1])):
        print("no C compiler or no Python.h: calls in Python take longer", file=sys.stderr)
