"""The first message of a worker: who it is, and which versions of the protocol it speaks."""

from __future__ import annotations

import platform

from . import frames
from .connection import Connection


def greet(connection: Connection) -> None:
    connection.send_fields(
        frames.HELLO,
        0,
        {
            "lowestVersion": frames.PROTOCOL_VERSION,
            "highestVersion": frames.PROTOCOL_VERSION,
            "runtime": "python",
            "languageVersion": platform.python_version(),
        },
    )
