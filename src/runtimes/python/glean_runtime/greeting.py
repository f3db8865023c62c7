"""The first message of a worker: who it is, and which versions of the protocol it speaks."""

from __future__ import annotations

import sys

from . import frames
from .connection import Connection

#: The module platform would take a millisecond.
_VERSION = sys.version.split()[0]


def greet(connection: Connection) -> None:
    connection.send_fields(
        frames.HELLO,
        0,
        {
            "lowestVersion": frames.PROTOCOL_VERSION,
            "highestVersion": frames.PROTOCOL_VERSION,
            "runtime": "python",
            "languageVersion": _VERSION,
        },
    )
