"""Serves clients in a thread beside those, or the event loop, that run the calls."""

from __future__ import annotations

import threading
from typing import Callable

from .. import frames
from ..prints import Prints
from ..worker import Call, Settings
from .listeners import cannot_serve
from .server import Server, Tell


class Lease:
    def __init__(
        self,
        frame: frames.Frame,
        settings: Settings,
        prints: Prints,
        tell: Tell,
        start: Callable[[Server, Call], None],
        cancel: Callable[[Call], None] = lambda call: None,
    ) -> None:
        self._id = frame.id
        self._server = None
        try:
            self._server = Server(frame, settings, prints, tell, start=start, cancel=cancel)
        except OSError as error:
            tell(*cannot_serve(frame, error))
            return
        threading.Thread(target=self._server.run, name="lease", daemon=True).start()

    def takes(self, frame: frames.Frame) -> bool:
        """Whether the executor's frame belongs to the lease."""
        if self._server is None or frame.id != self._id:
            return False
        if frame.type == frames.TERMINATING:
            self._server.post(lambda: self._server.terminate(frame))
        elif frame.type == frames.CANCEL:
            self._server.post(self._server.end)
        return True
