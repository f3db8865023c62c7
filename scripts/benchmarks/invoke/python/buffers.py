"""Calls of one native worker with numpy arrays, in turn over the unix socket by the SDK alone, and
through libgleaner's shared memory: buffers.py GLEAN WORKER_PID ROUNDS."""

import json
import sys
import time

import numpy
from gleaner.shared_memory import SharedLease
from one_lease import one_lease

SIZES = {"1KiB": 1 << 10, "100KiB": 100 << 10, "1MiB": 1 << 20, "5MiB": 5 << 20}
CALLS = 20
glean, worker, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])


def worker_ns():
    with open(f"/proc/{worker}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def ways(over_socket, shared):
    def in_place(array):
        call = shared.prepare(array.nbytes)
        numpy.frombuffer(call.input)[:] = array
        return numpy.frombuffer(call.invoke())

    return {
        "unixSocket": lambda array: numpy.frombuffer(over_socket.invoke(array.data.cast("B"))),
        "sharedMemory": lambda array: numpy.frombuffer(shared.invoke(array)),
        "inPlace": in_place,
    }


def timed(call, array):
    """Microseconds of each call with a look at all of its output, and of processor time of client
    and worker for one of them."""
    expected = array.sum()
    took_us, used_ns = [], time.process_time_ns() + worker_ns()
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        total = call(array).sum()
        took_us.append((time.perf_counter_ns() - began) / 1e3)
        assert total == expected
    return took_us, (time.process_time_ns() + worker_ns() - used_ns) / 1e3 / CALLS


with one_lease() as over_socket, SharedLease("echo", glean=glean) as shared:
    found = {}
    for name, size in SIZES.items():
        array = numpy.arange(size / 8)
        seen = {way: ([], []) for way in ways(over_socket, shared)}
        for number in range(rounds + 1):
            for way, call in ways(over_socket, shared).items():
                took_us, used_us = timed(call, array)
                if number > 0:
                    seen[way][0].extend(took_us)
                    seen[way][1].append(used_us)
        found[name] = {way: {"tookUs": took, "usedUs": used} for way, (took, used) in seen.items()}
    print(json.dumps(found))
