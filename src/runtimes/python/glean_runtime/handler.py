"""Finds the handler of a bundle: MODULE:SYMBOL, FILE.py:SYMBOL, or what its files suggest."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import inspect
import os
import re
import sys
import types
from collections.abc import Callable

from .errors import UserError
from .payloads.values import BYTES

#: As in the module typing, which takes longer to import than this one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .worker import Call

_USUAL_FILES = ("handler.py", "function.py", "main.py", "index.py")
_USUAL_SYMBOL = "handler"
#: For modules that import their neighbours by `from . import`.
_PACKAGE = "gleaner_bundle"
_RELATIVE_IMPORT = re.compile(r"^\s*from\s+\.", re.MULTILINE)


class Handler:
    """A handler, and how it wants to be called."""

    def __init__(self, function: Callable, module: types.ModuleType) -> None:
        self.function = function
        self.module = module
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)
        )
        #: Calls it: returns what the handler does, a coroutine if that is async.
        self.call = (self._call_bare, self._call_with_input, self._call_with_both)[
            _count_arguments(function)
        ]

    def after_fork(self) -> None:
        """What the module must do in each process, forked or not: open files, start threads, use a
        GPU."""
        hook = getattr(self.module, "after_fork", None)
        if callable(hook):
            hook()

    def _call_bare(self, _: Call) -> object:
        return self.function()

    def _call_with_input(self, call: Call) -> object:
        # Each step less counts in a short call.
        return self.function(call.payload if call.content_type == BYTES else call.input())

    def _call_with_both(self, call: Call) -> object:
        return self.function(call.input(), call.context())


def load(directory: str, named: str | None) -> Handler:
    """Raises what the user's module raises, or UserError where there is no handler."""
    file, symbol = _parts_of(named or "")
    shown = file or _default_file(directory)
    module_name = _module_of(directory, shown)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    importlib.invalidate_caches()
    module = _import(directory, module_name)
    try:
        function = functools.reduce(getattr, symbol.split("."), module)
    except AttributeError:
        names = [
            name for name, value in vars(module).items() if callable(value) and name[0] != "_"
        ]
        raise _missing(
            f"{shown} has no function {symbol} (it has {', '.join(names[:20]) or 'none'}):"
            f" name yours with --handler {shown}:NAME"
        ) from None
    if not callable(function):
        raise _missing(
            f"{symbol} in {shown} cannot be called, since its type is {type(function).__name__}:"
            f" name a function with --handler {shown}:NAME"
        )
    return Handler(function, module)


def _parts_of(named: str) -> tuple[str, str]:
    """`:symbol` and `symbol` alone mean the default file."""
    file, colon, symbol = named.rpartition(":")
    if not colon:
        file, symbol = (named, "") if named.endswith(".py") else ("", named)
    return file, symbol or _USUAL_SYMBOL


def _module_of(directory: str, file: str) -> str:
    if not file.endswith(".py"):
        return file
    if not os.path.isfile(os.path.join(directory, file)):
        raise _missing(
            f"there is no file {file} in the function's folder:"
            " name the handler as FILE.py:SYMBOL with a file that is there"
        )
    return os.path.normpath(file)[: -len(".py")].replace(os.sep, ".")


def _default_file(directory: str) -> str:
    files = sorted(name for name in os.listdir(directory) if name.endswith(".py"))
    for usual in _USUAL_FILES:
        if usual in files:
            return usual
    if len(files) == 1:
        return files[0]
    raise _missing(
        f"the function's folder has {len(files)} Python files and none is named"
        f" {', '.join(_USUAL_FILES)}: name the handler as FILE.py:SYMBOL"
    )


def _import(directory: str, name: str) -> types.ModuleType:
    if not _is_relative(directory, name):
        return importlib.import_module(name)
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [directory]
    package.__spec__ = importlib.machinery.ModuleSpec(_PACKAGE, None, is_package=True)
    sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _is_relative(directory: str, name: str) -> bool:
    """Whether a module of the bundle's own folder imports its neighbours as a package does."""
    try:
        with open(os.path.join(directory, f"{name}.py"), encoding="utf-8", errors="replace") as file:
            return _RELATIVE_IMPORT.search(file.read()) is not None
    except OSError:
        return False


def _count_arguments(function: Callable) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of some functions written in C
        return 1
    kinds = [parameter.kind for parameter in parameters]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 2
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(2, sum(kind in positional for kind in kinds))


def _missing(message: str) -> UserError:
    return UserError("exception", "HandlerNotFound", message)
