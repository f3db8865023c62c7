"""Calls each kernel in this process and over a lease, with the same graphs, and prints the
milliseconds of each, and of the result's way through JSON alone.

Whole rounds take turns, not calls: a process that waited for the other one finds its caches cold,
which neither user of a plain process nor of a worker would see."""

import json
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


def measure(lease, kernel, repetitions):
    ways = {"plain": graphs.handler, "lease": lease.invoke}
    times = {"plain": [], "lease": [], "json": []}
    for start in range(0, repetitions, repetitions // ROUNDS):
        for name, way in ways.items():
            for seed in range(start - WARM_CALLS, start + repetitions // ROUNDS):
                took, result = timed(way, {"kernel": kernel, "size": SIZE, "seed": seed})
                if seed >= start:
                    times[name].append(took)
        times["json"].append(timed(lambda value: json.loads(json.dumps(value)), result)[0])
    return times


with one_lease() as lease:
    print(json.dumps({name: measure(lease, name, int(sys.argv[1])) for name in graphs.KERNELS}))
