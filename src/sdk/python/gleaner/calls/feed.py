"""Reads the inputs of a map in a thread of its own, no further ahead than it may, and submits them
in parts: a slow source delays nothing that it gave before."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from typing import Callable, Deque, Iterable, List, Optional

from ..api.client import Api
from ..api.repeat import repeated
from ..errors import GleanerError
from .contents import framed

#: One request; gleanerd keeps nothing of it before all has arrived.
_MAX_PART_INPUTS = 10_000
_MAX_PART_BYTES = 16 * 1024 * 1024
#: A source that gives no input for this time is not waited for: what it gave runs.
_PATIENCE_S = 0.02
#: While the queue is full and calls of this map are in it.
_FULL_PAUSE_S = 0.5
_BROKEN = (
    "the connection to gleanerd broke while inputs were sent: look for the map in glean queue --me"
)


class Part:
    """Inputs that gleanerd has accepted, as one array."""

    def __init__(self, id: str, first: int, count: int) -> None:
        self.id = id
        self.first = first
        self.count = count


class Feed:
    def __init__(
        self,
        api: Api,
        function: str,
        inputs: Iterable[object],
        window: int,
        time_limit_ms: Optional[int],
    ) -> None:
        self._api = api
        self._function = function
        self._window = window
        self._time_limit_ms = time_limit_ms
        self._changed = threading.Condition()
        self._frames: Deque[bytes] = deque()
        self._read = self._taken = self._sent = 0
        self._is_read = self._is_stopped = False
        self._failure: Optional[BaseException] = None
        self._parts: Deque[Part] = deque()
        self._is_sent = False
        self._start(lambda: self._read_all(inputs))
        self._sending = self._start(self._send_all)

    def next_part(self) -> Optional[Part]:
        """None after the last one; raises what the source raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._parts or self._is_sent)
            if self._parts:
                return self._parts.popleft()
        self._sending.join()
        if self._failure is not None:
            raise self._failure
        return None

    def taken(self, count: int = 1) -> None:
        """The consumer has had results, or will never have them."""
        with self._changed:
            self._taken += count
            self._changed.notify_all()

    def stop(self) -> List[Part]:
        """Reads and submits no more; what was submitted and never given by next_part()."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
            # A part that is being sent is accepted, or refused, before its id is known.
            self._changed.wait_for(lambda: self._is_sent)
            return list(self._parts)

    def _start(self, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(run,), daemon=True)
        thread.start()
        return thread

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            with self._changed:
                self._failure = self._failure or error
                self._is_stopped = True
                self._changed.notify_all()

    def _read_all(self, inputs: Iterable[object]) -> None:
        for value in inputs:
            frame = framed(self._api, value)
            with self._changed:
                self._changed.wait_for(
                    lambda: self._is_stopped or self._read - self._taken < self._window
                )
                if self._is_stopped:
                    break
                self._read += 1
                self._frames.append(frame)
                self._changed.notify_all()
        with self._changed:
            self._is_read = True
            self._changed.notify_all()

    def _send_all(self) -> None:
        try:
            for frames in iter(self._gather, []):
                self._submit(frames)
        finally:
            with self._changed:
                self._is_sent = True
                self._changed.notify_all()

    def _gather(self) -> List[bytes]:
        """The inputs of the next part; none after the last one."""
        frames: List[bytes] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._is_read or self._is_stopped)
            while not self._is_stopped and len(frames) < _MAX_PART_INPUTS:
                if not self._frames and not self._is_read:
                    self._changed.wait_for(lambda: self._frames or self._is_read, _PATIENCE_S)
                if not self._frames or size > _MAX_PART_BYTES:
                    break
                frames.append(self._frames.popleft())
                size += len(frames[-1])
        return frames

    def _submit(self, frames: List[bytes]) -> None:
        request_id = str(uuid.uuid4())
        while True:
            try:
                answer = repeated(
                    lambda _: self._api.stream_map(
                        request_id, self._function, [b"".join(frames)], self._time_limit_ms
                    ),
                    _BROKEN,
                )
                break
            except GleanerError as error:
                # The queue is full with this map's own calls: some of them end.
                if error.code != "LIMIT_REACHED" or self._sent == self._taken or self._is_stopped:
                    raise
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopped, _FULL_PAUSE_S)
        with self._changed:
            self._parts.append(Part(str(answer["id"]), self._sent, len(frames)))
            self._sent += len(frames)
            self._changed.notify_all()
