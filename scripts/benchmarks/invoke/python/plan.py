"""What each row's program in Python is to do, from its environment, and how it says what it
measured."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor


def measure(call, with_bursts=False):
    """Times call(bytes) for each size, one after another; then many at once."""
    for line in os.environ["INVOKE_PLAN"].split("\n"):
        name, size, calls = line.split(" ")
        data, calls = b"x" * int(size), int(calls)
        for _ in range(min(500, calls)):
            call(data)
        took_ns = [0] * calls
        now = time.perf_counter_ns
        for each in range(calls):
            began = now()
            call(data)
            took_ns[each] = now() - began
        say({"size": name, "tookUs": [each / 1e3 for each in took_ns]})
    if with_bursts and int(os.environ["INVOKE_BURST"]) > 0:
        _measure_many(call)


def say(line):
    print(json.dumps(line), flush=True)


def _measure_many(call):
    in_flight = int(os.environ["INVOKE_IN_FLIGHT"])
    calls = int(os.environ["INVOKE_BURST"])
    with ThreadPoolExecutor(in_flight) as threads:
        for count in (calls // 40, calls // 10):
            began = time.perf_counter()
            parts = [threads.submit(_many, call, count // in_flight) for _ in range(in_flight)]
            for part in parts:
                part.result()
            took_s = time.perf_counter() - began
    say({"inFlight": in_flight, "callsPerS": count // in_flight * in_flight / took_s})


def _many(call, count):
    for _ in range(count):
        call(b"x")
