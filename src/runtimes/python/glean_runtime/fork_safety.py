"""Whether a process may be forked after it has imported a user's module."""

from __future__ import annotations

import os
import sys
import threading

#: Files whose position nobody shares.
_HARMLESS = ("/dev/null", "/dev/urandom", "/dev/random")


def open_descriptors() -> set[int]:
    with os.scandir("/proc/self/fd") as entries:
        numbers = {int(entry.name) for entry in entries}
    # The one that the listing needed is closed by now.
    return {number for number in numbers if _target_of(number) is not None}


def find_hazard(descriptors_before: set[int]) -> str | None:
    """Says what forked workers would share or lack, and what to do, or returns None."""
    return _cuda() or _threads() or _processes() or _descriptors(descriptors_before)


def _cuda() -> str | None:
    torch = sys.modules.get("torch")
    try:
        initialised = torch is not None and torch.cuda.is_initialized()
    except Exception:
        return None
    if not initialised:
        return None
    return "the module initialised CUDA while it was imported: do that in after_fork()"


def _threads() -> str | None:
    others = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    if others:
        names = ", ".join(sorted(others)[:5])
        return f"the module started threads ({names}) while it was imported: start them in after_fork()"
    if _native_threads() == 0:
        return None
    # Libraries that know of forks, such as OpenBLAS, end their threads before one.
    _fork_once()
    native = _native_threads()
    if native == 0:
        return None
    return (
        f"the module's libraries started {native} threads while it was imported: use them in"
        " after_fork()"
    )


def _native_threads() -> int:
    return len(os.listdir("/proc/self/task")) - 1


def _processes() -> str | None:
    names = [name for name in map(_name_of, _children()) if name is not None]
    if not names:
        return None
    return (
        f"the module started processes ({', '.join(sorted(names)[:5])}) while it was imported: start"
        " them in after_fork()"
    )


def _children() -> list[str]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return file.read().split()
    except OSError:  # of a kernel without this list: the executor looks, too
        return []


def _name_of(pid: str) -> str | None:
    """None if the process has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return None
    return None if rest.split()[0] == "Z" else name


def _fork_once() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _descriptors(before: set[int]) -> str | None:
    for number in sorted(open_descriptors() - before):
        target = _target_of(number)
        if target is not None and target not in _HARMLESS:
            return (
                f"the module opened {target} (descriptor {number}) while it was imported, which all"
                " workers would share: open it in after_fork()"
            )
    return None


def _target_of(number: int) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return None
