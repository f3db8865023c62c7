"""The compiled steps of a call (native), if the package was built with a compiler;
without them Python does the same. $GLEANER_PURE_PYTHON=1 refuses them."""

from __future__ import annotations

import os
from typing import Callable, Optional, Tuple, Union

#: Descriptor, room, type, id, payload, metadata, bell, milliseconds, bytes to ask for, the time's end,
#: the socket's limit; returns type, content type and payload of the call's result, or how many bytes
#: of anything else arrived in the room; None if a signal or the socket's limit came first. With a
#: bell, a descriptor, also if that rang or the time is over.
Exchange = Callable[
    [int, bytearray, int, int, bytes, bytes, int, int, int, float, float],
    Union[Tuple[int, str, bytes], int, None],
]


def _load() -> Optional[Exchange]:
    if os.environ.get("GLEANER_PURE_PYTHON") == "1":
        return None
    try:
        from . import _exchange  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        return None
    exchange: Exchange = _exchange.exchange
    return exchange


exchange = _load()
