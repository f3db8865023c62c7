"""The calls of a client that makes one after another: what lies between two calls is a good part of
their time, so that each is received, run and answered in as few steps as there can be."""

from __future__ import annotations

import time
from typing import Callable, Optional

from .. import frames
from ..prints import CallLog
from ..worker import Answer, Call
from .client import Client
from .poller import Poller
from .usage import Usage

#: A longer payload is received to where it stays.
_ROOM_BYTES = 16 * 1024


class Lone:
    """Runs calls in this thread, by `run`."""

    def __init__(
        self, poller: Poller, usage: Usage, log: CallLog, run: Callable[[Call], Answer]
    ) -> None:
        self._poller, self._usage, self._log, self._run = poller, usage, log, run
        self._room = bytearray(_ROOM_BYTES)
        # While there is a view, the room stays where it is.
        self._view = memoryview(self._room)

    def serve(self, client: Client, until: float) -> Optional[bytes]:
        """Runs its calls until that time, or until anything else happens, which is handled, but for
        what it has sent that is no call: that is returned."""
        poller, usage, run, log = self._poller, self._usage, self._run, self._log
        next_of = poller.next_of(client.socket, self._room)
        answer: Optional[Answer] = None
        asked = _ROOM_BYTES
        now = time.monotonic()
        while now < until:
            got = next_of(until - now, answer, asked)
            if type(got) is list:
                poller.handle(got)
                return None
            if type(got) is int:
                if got >= 0:
                    return bytes(self._view[:got])
                client.keep_last(answer, -got)
                return None
            id, content_type, metadata, payload = got
            if type(content_type) is int:
                client.expect((frames.CALL, id, metadata), content_type, payload)
                return None
            # No payload is received into the room while the last one was long.
            is_long = len(payload) > _ROOM_BYTES
            asked = frames.HEADER.size + len(metadata) if is_long else _ROOM_BYTES
            if id <= client.last_id:
                raise frames.ProtocolError(frames.NOT_HIGHER)
            client.last_id = id
            begun = time.monotonic()
            answer = run(Call(id, content_type, metadata, payload, log, begun))
            poller.last_call_at = now = time.monotonic()
            usage.calls += 1
            usage.busy_s += now - begun
            # A process that the handler forked has no connections.
            if client.is_closed or type(answer[2]) is not bytes:
                break
        if answer is not None:
            client.send(*answer)
        return None
