"""What a forked process does with the objects that it has from its parent."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    def begin_anew(self) -> None:
        """In the child: locks may have been held, and connections are the parent's."""


_all: "weakref.WeakSet[Forked]" = weakref.WeakSet()


def watch(object: Forked) -> None:
    _all.add(object)


def _begin_all_anew() -> None:
    for each in list(_all):
        each.begin_anew()


os.register_at_fork(after_in_child=_begin_all_anew)
