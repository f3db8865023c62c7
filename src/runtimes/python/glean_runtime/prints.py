"""What handlers print, as log frames of their calls: takes the place of sys.stdout and sys.stderr."""

from __future__ import annotations

import contextvars
import io
import os
import sys
import threading
from collections.abc import Callable

from . import frames

STDOUT, STDERR = 1, 2
#: Longer lines are sent in pieces.
_MAX_LINE_BYTES = 8 * 1024
_FULL = b"[the log of this call is full: what it prints from here is dropped]\n"

#: Sends the payload of one log frame: id, stream, bytes.
Send = Callable[[int, int, bytes], None]


class CallLog:
    """The log of one call; id 0 is that of everything outside of calls."""

    def __init__(self, prints: Prints, id: int) -> None:
        self.id = id
        self._prints = prints
        self._left_bytes = prints.limit_bytes
        self._lines = {STDOUT: bytearray(), STDERR: bytearray()}
        #: Something printed waits for the rest of its line.
        self.has_part = False
        self._lock = threading.RLock()

    def write(self, stream: int, data: bytes) -> None:
        """Sends whole lines and keeps the rest."""
        with self._lock:
            line = self._lines[stream]
            line += data
            end = line.rfind(b"\n") + 1 if len(line) <= _MAX_LINE_BYTES else len(line)
            if end > 0:
                whole = bytes(line[:end])
                del line[:end]
                self._send(stream, whole)
            self.has_part = any(self._lines.values())

    def flush(self) -> None:
        # Calls mostly print nothing, or whole lines.
        if not self.has_part:
            return
        with self._lock:
            self.has_part = False
            for stream, line in self._lines.items():
                if line:
                    rest = bytes(line)
                    line.clear()
                    self._send(stream, rest)

    def _send(self, stream: int, data: bytes) -> None:
        for start in range(0, len(data), frames.MAX_LOG_PIECE_BYTES):
            if self._left_bytes < 0:
                return
            piece = data[start : start + frames.MAX_LOG_PIECE_BYTES]
            self._left_bytes -= len(piece) + frames.HEADER.size + 1
            self._prints.send(self.id, stream, piece if self._left_bytes >= 0 else _FULL)


class Prints:
    def __init__(self, send: Send, limit_bytes: int) -> None:
        self.send = send
        self.limit_bytes = limit_bytes
        self.current: contextvars.ContextVar[CallLog | None] = contextvars.ContextVar(
            "glean_call_log", default=None
        )
        #: Threads that a handler started have no context: what they print is of the only call.
        self.only: CallLog | None = None
        self.other = CallLog(self, 0)

    def capture(self) -> None:
        """From now on what is printed becomes log frames."""
        for name, stream in (("stdout", STDOUT), ("stderr", STDERR)):
            text = _Text(self, stream)
            setattr(sys, name, text)

    def set_limit(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.renew()

    def renew(self) -> None:
        """A call arrived: what is printed outside of calls is counted from here."""
        self.other.flush()
        self.other = CallLog(self, 0)

    def to_descriptors(self) -> None:
        """In a process that a handler forked: what it prints is the worker's output."""
        self.send = lambda id, stream, data: _write_all(stream, data)

    def log(self) -> CallLog:
        return self.current.get() or self.only or self.other


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class _Raw(io.RawIOBase):
    """sys.stdout.buffer."""

    def __init__(self, prints: Prints, stream: int) -> None:
        super().__init__()
        self._prints = prints
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream

    def write(self, data) -> int:
        copied = bytes(data)
        self._prints.log().write(self._stream, copied)
        return len(copied)

    def flush(self) -> None:
        self._prints.log().flush()

    def close(self) -> None:
        """Stays open: the next call prints, too."""


class _Text(io.TextIOBase):
    """sys.stdout."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, prints: Prints, stream: int) -> None:
        super().__init__()
        self.buffer = _Raw(prints, stream)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.buffer.fileno()

    def write(self, text: str) -> int:
        self.buffer.write(frames.to_bytes(text))
        return len(text)

    def flush(self) -> None:
        self.buffer.flush()

    def reconfigure(self, **_options: object) -> None:
        """Programs call it to be line-buffered, which this is."""

    def close(self) -> None:
        """Stays open: the next call prints, too."""
