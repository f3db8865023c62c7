"""Checks that only root and this user can change a file: the file itself and every folder on its
path."""

from __future__ import annotations

import os
import stat
from typing import Optional

from ..errors import GleanerError

#: As many links as the kernel follows.
_MAX_LINKS = 40


def require_trusted(file: str) -> None:
    """Raises CONFIG with the first part of the path to `file` that another user could change. A
    missing file passes, unless others could create it."""
    problem = _problem_of(os.path.abspath(file))
    if problem is not None:
        user = "root" if os.geteuid() == 0 else "this user"
        raise GleanerError(
            "CONFIG",
            f"{file} is not trusted: {problem}; whoever can change it decides what {user} runs"
            " and connects to",
        )


def _problem_of(file: str) -> Optional[str]:
    """Walks from the root folder, as the kernel does, so that each link is checked where it is."""
    at = "/"
    rest = [part for part in file.split("/") if part]
    links = 0
    is_open = False
    while True:
        try:
            state = os.lstat(at)
        except OSError:
            return f"others could create it: create {at} first" if is_open else None
        if state.st_uid not in (0, os.geteuid()):
            return f"{at} belongs to another user (uid {state.st_uid}): chown it to root"
        if stat.S_ISLNK(state.st_mode):
            links += 1
            if links > _MAX_LINKS:
                return f"{at} is behind too many links"
            target = os.path.normpath(os.path.join(os.path.dirname(at), os.readlink(at)))
            rest = [part for part in target.split("/") if part] + rest
            at = "/"
            continue
        is_open = state.st_mode & 0o022 != 0
        # In a sticky folder, such as /tmp, nobody can replace another user's files.
        if is_open and not (stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX):
            return f"others can write to {at}: chmod go-w it"
        if not rest:
            return None
        at = os.path.join(at, rest.pop(0))
