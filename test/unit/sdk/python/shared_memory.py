"""Calls a function that doubles numbers through libgleaner: shared_memory.py GLEAN."""

import ctypes
import os
import re
import signal
import sys
import threading
from array import array

import gleaner
from gleaner.shared_memory import SharedLease


def is_shared(view):
    """Whether it lies in a memfd."""
    address = ctypes.addressof(view.obj)
    with open("/proc/self/maps", encoding="ascii") as maps:
        for line in maps:
            first, last = (int(each, 16) for each in re.match(r"(\w+)-(\w+)", line).groups())
            if first <= address < last:
                return "memfd:" in line
    return False


def fails(call):
    try:
        call()
    except (gleaner.GleanerError, gleaner.CallError) as error:
        return error.code
    return None


def hold(lock, begun, may_end):
    with lock:
        begun.set()
        may_end.wait()


with SharedLease("double", glean=sys.argv[1], timeout=20) as lease:
    assert lease.workers == 1
    numbers = array("d", range(100_000))
    first = lease.invoke(numbers)
    assert is_shared(first) and first.readonly
    assert first.cast("d")[99_999] == 199_998
    output = bytes(first)
    first = None
    assert lease.invoke(b"") == b""
    assert fails(lambda: lease.invoke(b"fail")) == "FUNCTION"
    call = lease.prepare(len(output))
    assert is_shared(call.input)
    call.input[:] = numbers.tobytes()
    kept = call.invoke()
    assert is_shared(kept) and kept == output
    assert fails(call.invoke) == "BAD_REQUEST"
    # More than there is room for beside an output that something refers to.
    large = bytes(8 << 20)
    made = 0
    while (code := fails(lambda: lease.invoke(large))) is None:
        made += 1
    assert (code, made) == ("LIMIT_REACHED", 8), (code, made)
    kept = None
    for _ in range(20):
        assert len(lease.invoke(large)) == len(large)
    call = lease.prepare(len(output))
    call.input[:] = output
    kept = call.invoke()
    # As if another thread were in the library.
    begun, may_end = threading.Event(), threading.Event()
    other = threading.Thread(target=hold, args=(lease._lock, begun, may_end))
    other.start()
    begun.wait()
    child = os.fork()
    may_end.set()
    if child == 0:
        signal.alarm(30)
        assert fails(lambda: lease.prepare(1)) == "LEASE_LOST"
        kept = None
        lease.end()
        os._exit(0)
    other.join()
    assert os.waitpid(child, 0)[1] == 0
    assert lease.invoke(b"") == b""
assert kept.cast("d")[2] == 8
assert fails(lambda: lease.invoke(b"")) == "LEASE_LOST"
assert fails(lambda: SharedLease("double", glean="/bin/false")) == "LEASE_NOT_GRANTED"
print("ok")
