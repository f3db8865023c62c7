"""Small files that only this user can read or write, in which tokens are kept between runs; glean
reads and writes the same ones."""

from __future__ import annotations

import os
import secrets
import stat
from typing import Optional

#: A token with its labels takes less than 1 kB; a much larger file is not ours.
_MAX_BYTES = 16 * 1024


def private_directory() -> Optional[str]:
    """`$XDG_RUNTIME_DIR/gleaner`, else `~/.cache/gleaner`, created with mode 0700 if missing. None
    if neither can be trusted: then the caller does without."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _is_own_folder(runtime):
        return _own_leaf(os.path.join(runtime, "gleaner"))
    home = os.environ.get("HOME", "")
    if not os.path.isabs(home) or not _is_own_folder(home):
        return None
    cache = os.path.join(home, ".cache")
    _make_folder(cache)
    return _own_leaf(os.path.join(cache, "gleaner")) if _is_own_folder(cache) else None


def private_name(kind: str, key: str) -> str:
    """A file name for a key of any length. Two keys may share a name, so each file contains its
    key and readers compare it."""
    hash = 0x811C9DC5  # FNV-1a
    for byte in key.encode("utf-8", "surrogatepass"):
        hash = (hash ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{kind}-{hash:08x}.json"


def read_private(directory: str, name: str) -> Optional[str]:
    """None if the file is missing, too large, a link, not ours, or accessible to others."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(os.path.join(directory, name), flags)
    except OSError:
        return None
    try:
        state = os.fstat(file)
        is_ours = state.st_uid == os.geteuid() and state.st_nlink == 1
        if not stat.S_ISREG(state.st_mode) or not is_ours or state.st_mode & 0o077:
            return None
        if state.st_size > _MAX_BYTES:
            return None
        return os.read(file, _MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    finally:
        os.close(file)


def write_private(directory: str, name: str, text: str) -> bool:
    """Replaces the file atomically, with mode 0600. False if that fails: a failing cache is no
    error."""
    fresh = os.path.join(directory, f".{name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(fresh, os.path.join(directory, name))
        return True
    except OSError:
        try:
            os.unlink(fresh)
        except OSError:
            pass  # it was never created
        return False


def _own_leaf(path: str) -> Optional[str]:
    """The last folder must be a real one, ours and closed to others; links above it (a home on
    another disk) are common."""
    _make_folder(path)
    try:
        state = os.lstat(path)
    except OSError:
        return None
    is_closed = stat.S_ISDIR(state.st_mode) and state.st_mode & 0o077 == 0
    return path if is_closed and state.st_uid == os.geteuid() else None


def _is_own_folder(path: str) -> bool:
    try:
        state = os.stat(path)
    except OSError:
        return False
    is_closed = stat.S_ISDIR(state.st_mode) and state.st_mode & 0o022 == 0
    return is_closed and state.st_uid == os.geteuid()


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except OSError:
        pass  # it exists already or cannot be created: the check that follows tells
