"""Pickles functions that stand in a program or a notebook, which pickle itself cannot."""

from __future__ import annotations

import importlib
import os
import pickle
from typing import Any, Callable, Dict, Tuple

from ..functions.bundle import folder_files

#: The first that is installed; workers get it, too.
_PACKAGES = ("cloudpickle", "dill")


def pickler() -> Tuple[Callable[..., bytes], Dict[str, bytes]]:
    """What pickles, and the files that workers need to read that."""
    for name in _PACKAGES:
        try:
            package: Any = importlib.import_module(name)
        except ImportError:
            continue
        return package.dumps, folder_files(os.path.dirname(package.__file__), name)
    return pickle.dumps, {}
