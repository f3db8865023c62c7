"""Checks what programs pass to this package, so that a mistake is told in one sentence before
anything is sent."""

from __future__ import annotations

import math
import numbers
import os
import re
from typing import Any, Iterable, Mapping, Optional

from .errors import GleanerError

#: As gleanerd has it for time limits.
_MAX_S = 2_147_483
#: Renewals that are more frequent would only load gleanerd.
_LEAST_TTL_S = 0.1
_DAY_S = 86_400
_DAY_MS = _DAY_S * 1000
_LONGEST_WAIT_S = 60
_MAX_SHOWN = 60
_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE
)
_CALL_ID = re.compile(r"[0-9]{1,10}(?:_[0-9]{1,10})?")


def check_function(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise _invalid("function", name, "the name of a function")


def check_call_id(id: object) -> None:
    if not isinstance(id, str) or not _CALL_ID.fullmatch(id):
        raise _invalid("id", id, "the id of a call, such as '42' or '42_7'")


def check_request_id(id: object) -> None:
    if id is not None and not (isinstance(id, str) and _UUID.fullmatch(id)):
        raise _invalid("request_id", id, "a UUID")


def check_file(name: str, value: object) -> None:
    if value is not None and not isinstance(value, (str, os.PathLike)):
        raise _invalid(name, value, "the path of a file")


def check_kind(name: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise _invalid(name, value, f"a gleaner.{kind.__name__}")


def check_inputs(inputs: object) -> None:
    if not isinstance(inputs, Iterable):
        raise _invalid("inputs", inputs, "a list, or another iterable")


def check_count(name: str, value: object, least: int = 1, most: Optional[int] = None) -> None:
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        limits = f"from {least}" if most is None else f"from {least} to {most}"
        raise _invalid(name, value, f"a whole number {limits}")


def check_seconds(name: str, value: Any, least: float = 0, most: float = _MAX_S) -> None:
    """A wait of 0 s is one that does not wait."""
    if not _is_number(value) or not least <= value <= most:
        raise _invalid(name, value, f"a number of seconds from {least} to {most}")


def check_time_limit(name: str, value: Any) -> None:
    if value is not None and (not _is_number(value) or not 0 < value <= _MAX_S):
        raise _invalid(name, value, f"a number of seconds above 0, at most {_MAX_S}")


def check_timeout(value: Any) -> None:
    if value is not None:
        check_seconds("timeout", value)


def check_cancellation(value: Any) -> None:
    if value is not None and not hasattr(value, "stopping"):
        raise _invalid("cancellation", value, "a gleaner.Cancellation")


def check_retry(value: object) -> None:
    if value not in ("evicted", "never"):
        raise _invalid("retry", value, "evicted or never")


def check_environment(value: object) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise _invalid("environment", value, "a dict of names and values")


def check_lease(
    function: object,
    workers: object,
    at_least: object,
    cores: object,
    memory_mb: object,
    ttl: object,
    hot_ms: object,
    wait: object,
    retry: object,
    timeout: object,
) -> None:
    check_function(function)
    check_count("workers", workers, 1, 65_536)
    check_count("at_least", at_least, 0, 65_536)
    if cores is not None:
        check_count("cores", cores, 1, 65_536)
    if memory_mb is not None:
        check_count("memory_mb", memory_mb, 1, 2**31 - 1)
    check_seconds("ttl", ttl, _LEAST_TTL_S, _DAY_S)
    check_count("hot_ms", hot_ms, -1, _DAY_MS)
    check_seconds("wait", wait, 0, _LONGEST_WAIT_S)
    check_retry(retry)
    check_timeout(timeout)


def check_options(method: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Of a method that passes them on to others."""
    names = sorted(known)
    for name in options:
        if name not in names:
            raise TypeError(f"{method}() has no option {name}: it has {', '.join(names)}")


def _is_number(value: object) -> bool:
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)  # type: ignore[arg-type]


def _invalid(name: str, value: object, expected: str) -> GleanerError:
    return GleanerError("BAD_REQUEST", f"invalid {name} {_shown(value)}: expected {expected}")


def _shown(value: object) -> str:
    """Short, and without calling anything of a class that is not Python's own."""
    if value is None or type(value) in (bool, float, str, bytes):
        text = repr(value)
    elif type(value) is int:
        text = str(value) if abs(value) < 10**_MAX_SHOWN else "(a large number)"
    else:
        text = f"({type(value).__name__})"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
