"""Calls each kernel in this process, over a lease, and in a second process behind a bare socket, with
the same graphs, and prints the milliseconds of each, and of the result's way through JSON alone.

Whole rounds take turns, not calls: a process that waited for the other one finds its caches cold,
which neither user of a plain process nor of a worker would see."""

import json
import os
import socket
import sys
import time

import graphs
from one_lease import one_lease

SIZE = 10_000
ROUNDS = 3
WARM_CALLS = 5


def timed(act, value):
    began = time.perf_counter()
    result = act(value)
    return (time.perf_counter() - began) * 1000, result


def bare():
    """A second process that does no more than read a line of JSON, call the handler, and answer."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        with theirs.makefile("rw") as lines:
            for line in lines:
                print(json.dumps(graphs.handler(json.loads(line))), file=lines, flush=True)
        os._exit(0)
    theirs.close()
    lines = ours.makefile("rw")

    def call(value):
        print(json.dumps(value), file=lines, flush=True)
        return json.loads(lines.readline())

    return call


def measure(ways, kernel, repetitions):
    times = {"json": [], **{name: [] for name in ways}}
    for start in range(0, repetitions, repetitions // ROUNDS):
        for name, way in ways.items():
            for seed in range(start - WARM_CALLS, start + repetitions // ROUNDS):
                took, result = timed(way, {"kernel": kernel, "size": SIZE, "seed": seed})
                if seed >= start:
                    times[name].append(took)
        times["json"].append(timed(lambda value: json.loads(json.dumps(value)), result)[0])
    return times


second = bare()
with one_lease() as lease:
    ways = {"plain": graphs.handler, "lease": lease.invoke, "bare": second}
    print(json.dumps({name: measure(ways, name, int(sys.argv[1])) for name in graphs.KERNELS}))
