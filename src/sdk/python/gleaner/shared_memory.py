"""Calls of native functions through the C library: buffers in memory that workers on this host
share."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections import deque
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_void_p
from typing import Any, Deque, Dict, Optional

from . import forks
from .blocks import Closing
from .checks import check_count, check_lease
from .errors import DeadlineError, FunctionError, GleanerError, LeaseLostError
from .payloads import Buffer, flat

_OK = 0
_NO_MEMORY, _NOT_GRANTED, _FUNCTION_FAILED, _DEADLINE, _LEASE_LOST, _NO_WORKER = 3, 4, 5, 7, 8, 9
_CODES = {_NOT_GRANTED: "LEASE_NOT_GRANTED", _NO_WORKER: "UNREACHABLE"}
_RETRIES = {"evicted": 0, "never": 1}
#: Of the 128 MiB of a ring, which must also have room for the longest output.
_MAX_KEPT_BYTES = 60 * 1024 * 1024


class _Options(ctypes.Structure):
    """gleaner_options of gleaner.h."""

    _fields_ = [
        ("function", c_char_p),
        *((name, c_uint32) for name in ("workers", "at_least", "cores", "memory_mb", "ttl_ms")),
        ("hot_ms", c_int32),
        ("retry", c_int),
        ("transport", c_int),
        ("deadline_ms", c_uint32),
        ("ring_bytes", c_uint32),
        ("glean", c_char_p),
    ]


def _load() -> Any:
    try:
        library = ctypes.CDLL("libgleaner.so.1")
    except OSError as error:
        raise GleanerError(
            "CONFIG",
            f"libgleaner cannot be loaded ({error}): install it, and name its folder in"
            " LD_LIBRARY_PATH",
        ) from error
    signatures: Any = {
        "lease_open": (c_int, POINTER(_Options), POINTER(c_void_p)),
        "lease_close": (None, c_void_p),
        "lease_workers": (c_size_t, c_void_p),
        "lease_message": (c_char_p, c_void_p),
        "error_message": (c_char_p, c_int),
        "prepare": (c_void_p, c_void_p, c_size_t, POINTER(c_void_p)),
        "wait": (c_int, c_void_p),
        "call_output": (c_void_p, c_void_p),
        "call_output_bytes": (c_size_t, c_void_p),
        "call_free": (None, c_void_p),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, f"gleaner_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class SharedLease(Closing):
    """Workers of a native function. Threads take turns: one that must not wait has its own lease.

    `timeout`: how many seconds a call may take. The other options are those of
    Connection.lease(); `glean` is the program that holds the lease.
    """

    def __init__(
        self,
        function: str,
        workers: int = 1,
        *,
        at_least: int = 1,
        cores: Optional[int] = None,
        memory_mb: Optional[int] = None,
        ttl: float = 10.0,
        hot_ms: int = 0,
        retry: str = "evicted",
        timeout: float = 60.0,
        glean: str = "glean",
    ) -> None:
        lease = (function, workers, at_least, cores, memory_mb, ttl, hot_ms, 0, retry, timeout)
        check_lease(*lease)
        self.function = function
        self._library = _load()
        self._lock = threading.Lock()
        self._unused: Deque[int] = deque()
        #: Outputs in place that something refers to, with how much was taken before each.
        self._kept: Dict[int, int] = {}
        self._taken_bytes = 0
        #: False: what its calls hold ends with this process.
        self._is_of_use = True
        self._lease: Optional[c_void_p] = c_void_p()
        options = _Options(
            function=function.encode(),
            workers=workers,
            at_least=at_least,
            cores=cores or 0,
            memory_mb=memory_mb or 0,
            ttl_ms=int(ttl * 1000),
            hot_ms=hot_ms,
            retry=_RETRIES[retry],
            deadline_ms=max(1, int(timeout * 1000)),
            glean=glean.encode(),
        )
        error = self._library.gleaner_lease_open(options, self._lease)
        if error != _OK:
            self._lease = None
            raise self._error(error, self._library.gleaner_error_message(error))
        forks.watch(self)

    def begin_anew(self) -> None:
        """In a forked process, which may only end it: the lease stays its parent's."""
        if self._lock.locked():
            # Another thread of the parent was in the library, whose state here is of no use.
            self._lease = None
            self._is_of_use = False
        self._lock = threading.Lock()

    @property
    def workers(self) -> int:
        """How many of them can be reached."""
        with self._lock:
            return int(self._library.gleaner_lease_workers(self._opened()))

    def invoke(self, input: Buffer) -> memoryview:
        """Calls the function with the bytes of a buffer, such as an array of numpy, and returns
        those of its output, which numpy.frombuffer() takes. Raises as Lease.invoke() does. The
        output takes room in the shared memory until nothing refers to it: copy what you keep."""
        data = flat(input)
        call = self.prepare(len(data))
        call.input[:] = data
        return call.invoke()

    def prepare(self, size: int) -> "SharedCall":
        """A call whose input is written where the worker reads it. Its worker gets no other call
        until it is made."""
        check_count("size", size, 0)
        place = c_void_p()
        with self._lock:
            self._free_unused()
            oldest = next(iter(self._kept.values()), self._taken_bytes)
            if self._taken_bytes - oldest > _MAX_KEPT_BYTES:
                raise GleanerError(
                    "LIMIT_REACHED",
                    "an output is still referred to after which the shared memory was filled by"
                    " others: copy what you keep",
                )
            call = self._library.gleaner_prepare(self._opened(), size, place)
        if call is None:
            raise GleanerError("LIMIT_REACHED", f"there is no room for an input of {size} bytes")
        return SharedCall(self, call, _at(place.value, size))

    def end(self) -> None:
        with self._lock:
            lease, self._lease = self._lease, None
            if lease is not None:
                self._library.gleaner_lease_close(lease)
            self._free_unused()

    close = end

    def _run(self, call: int) -> Any:
        with self._lock:
            lease = self._opened()
            error = self._library.gleaner_wait(call)
            if error != _OK:
                raise self._error(error, self._library.gleaner_lease_message(lease))
            size = self._library.gleaner_call_output_bytes(call)
            self._kept[call] = self._taken_bytes
            self._taken_bytes += size
            return _at(self._library.gleaner_call_output(call), size)

    def _release(self, call: int) -> None:
        """From anywhere, also while a call is under way."""
        self._unused.append(call)
        if self._lock.acquire(blocking=False):
            try:
                self._free_unused()
            finally:
                self._lock.release()

    def _free_unused(self) -> None:
        while self._unused:
            call = self._unused.popleft()
            self._kept.pop(call, None)
            if self._is_of_use:
                self._library.gleaner_call_free(call)

    def _opened(self) -> c_void_p:
        if self._lease is None:
            raise LeaseLostError("the lease was ended by its own program")
        return self._lease

    def _error(self, error: int, said: bytes) -> Exception:
        message = said.decode("utf-8", "replace")
        if error == _FUNCTION_FAILED:
            type, _, words = message.partition(": ")
            return FunctionError(self.function, type, words, None)
        if error == _DEADLINE:
            return DeadlineError(message)
        if error == _LEASE_LOST:
            return LeaseLostError(message)
        if error == _NO_MEMORY:
            return MemoryError(message)
        return GleanerError(_CODES.get(error, "BAD_REQUEST"), message)


class SharedCall:
    """Made by SharedLease.prepare()."""

    def __init__(self, lease: SharedLease, call: int, place: Any) -> None:
        self._lease = lease
        self._call = call
        self._release = weakref.finalize(self, lease._release, call)
        #: To be written before invoke(), and not used after it.
        self.input = memoryview(place).cast("B")

    def invoke(self) -> memoryview:
        """Once. The output as of SharedLease.invoke()."""
        if not self._release.alive:
            raise GleanerError("BAD_REQUEST", "the call was made already: prepare another one")
        self.input.release()
        output = self._lease._run(self._call)
        self._release.detach()
        weakref.finalize(output, self._lease._release, self._call)
        return memoryview(output).cast("B").toreadonly()


def _at(address: Optional[int], size: int) -> Any:
    """The memory there, whose views keep it alive."""
    return (ctypes.c_ubyte * size).from_address(address or 0)
