"""Repeats a request whose connection broke, while the daemon may be restarting."""

from __future__ import annotations

import random
import time
from typing import Callable, Optional, TypeVar

from ..errors import BrokenOffError, GleanerError, RefusedForNowError
from .cancellation import Cancellation, pause

T = TypeVar("T")

#: A restarting daemon is back within these pauses; the request's id prevents a repetition from
#: counting twice.
_PAUSES_S = (0.0, 0.2, 0.8, 2.0, 4.0)
_LONGEST_TURN_S = 5.0
#: Whoever is refused for longer is told so.
_TURN_PATIENCE_S = 30.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
#: Longer than any restart or failover takes.
_PATIENCE_S = 600.0


def repeated(
    send: Callable[[bool], T], open_end: str, cancellation: Optional[Cancellation] = None
) -> T:
    """`send` hears whether the request was sent before; `open_end` says what may have happened if
    the daemon does not come back."""
    broken_off: Optional[BrokenOffError] = None
    for pause_s in _PAUSES_S:
        if pause_s > 0:
            pause(pause_s, cancellation)
        try:
            return send(broken_off is not None)
        except BrokenOffError as error:
            broken_off = error
        except GleanerError as error:
            if error.code != "UNREACHABLE" or broken_off is None:
                raise
    raise GleanerError("UNREACHABLE", open_end) from broken_off


def in_turn(send: Callable[[], T], cancellation: Optional[Cancellation] = None) -> T:
    """Sends a request again that the daemon refused for the moment, when it says, for half a minute
    at most. Clients that were refused together come back apart from each other."""
    since = time.monotonic()
    while True:
        try:
            return send()
        except RefusedForNowError as error:
            pause_s = min(_LONGEST_TURN_S, error.retry_after_s) * (1 + random.random())
            if time.monotonic() + pause_s - since > _TURN_PATIENCE_S:
                raise
            pause(pause_s, cancellation)


def patiently(
    ask: Callable[[], T], gave_up: str, cancellation: Optional[Cancellation] = None
) -> T:
    """Repeats a question until the daemon answers; after ten minutes raises UNREACHABLE."""
    since = time.monotonic()
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return ask()
        except GleanerError as error:
            if error.code != "UNREACHABLE":
                raise
            if time.monotonic() - since > _PATIENCE_S:
                raise GleanerError("UNREACHABLE", gave_up) from error
        pause(pause_s, cancellation)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
