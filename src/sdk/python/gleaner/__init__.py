"""Calls functions that run on the idle resources of a Slurm cluster."""

from .api.cancellation import Cancellation
from .api.settings import Address, Munge, Tls
from .calls.many import MapResult
from .connection import Connection, connect
from .errors import (
    BrokenOffError,
    CallError,
    DeadlineError,
    FunctionError,
    GleanerError,
    LeaseLostError,
    NotLoadedError,
)
from .executor import Executor
from .functions.decorator import Function, function
from .payloads import Content

__all__ = [
    "Address",
    "BrokenOffError",
    "CallError",
    "Cancellation",
    "Connection",
    "Content",
    "DeadlineError",
    "Executor",
    "Function",
    "FunctionError",
    "GleanerError",
    "LeaseLostError",
    "MapResult",
    "Munge",
    "NotLoadedError",
    "Tls",
    "connect",
    "function",
]
