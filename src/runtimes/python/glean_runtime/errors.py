"""Errors of the user's code as the executor gets them: type, message, and the user's own traceback."""

from __future__ import annotations

import importlib
import os

from . import frames

#: As in the module typing, which takes longer to import than this one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import traceback

#: Frames in these are of no interest to the user.
_NOT_OF_USER = (
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    importlib.__file__,
    "<frozen importlib",
)


class UserError(Exception):
    """An error that the runtime found in what the user's code did or was given."""

    def __init__(self, kind: str, type: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.type = type


def describe(error: BaseException) -> dict[str, str]:
    """The fields of an error."""
    if isinstance(error, UserError):
        return fields_of(error.kind, error.type, str(error))
    if isinstance(error, SystemExit):
        message = f"the handler called sys.exit({_repr_of(error.code)})"
        return fields_of("exit", "SystemExit", message, _traceback_of(error))
    return fields_of(
        "exception", type(error).__qualname__, _text_of(error), _traceback_of(error)
    )


def fields_of(kind: str, type: str, message: str, stack: str = "") -> dict[str, str]:
    return {
        "kind": kind,
        "type": frames.cut(type, frames.MAX_TYPE_BYTES),
        "message": frames.cut(message, frames.MAX_MESSAGE_BYTES),
        "stack": frames.cut_start(stack, frames.MAX_STACK_BYTES),
    }


def _repr_of(value: object) -> str:
    """Of an exit's code: a number, or a text in quotes."""
    return repr(_text_of(value)) if isinstance(value, str) else _text_of(value)


def _text_of(value: object) -> str:
    try:
        return str(value)
    except BaseException as error:  # of the user's __str__
        return f"(its text cannot be shown: {type(error).__name__})"


def _traceback_of(error: BaseException) -> str:
    import traceback

    try:
        described = traceback.TracebackException.from_exception(error)
        _remove_own_frames(described)
        return "".join(described.format())
    except BaseException:
        return ""


def _remove_own_frames(described: traceback.TracebackException) -> None:
    """Also in the exceptions that led to it, and in those of a group."""
    import traceback

    waiting = [described]
    while waiting:
        each = waiting.pop()
        kept = [frame for frame in each.stack if not frame.filename.startswith(_NOT_OF_USER)]
        each.stack = traceback.StackSummary.from_list(kept)
        inner = [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or [])]
        waiting += [next for next in inner if next is not None]
