"""What the peers in Python share: rounds of no-op tasks, asked for on standard input.

Each line of standard input is {"tasks": N}; the answer is {"elapsedMs": MS} once N tasks have
returned. The end of standard input ends the program."""

import json
import os
import sys
import time

workers = int(os.environ["PEER_WORKERS"])
folder = os.environ["PEER_FOLDER"]

# What the peers print goes to standard error, from their import on.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def serve(run):
    """Calls run(tasks) for each line; it may return how long that took, in milliseconds."""
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        tasks = json.loads(line)["tasks"]
        started = time.monotonic()
        own_ms = run(tasks)
        elapsed_ms = (time.monotonic() - started) * 1000 if own_ms is None else own_ms
        print(json.dumps({"elapsedMs": elapsed_ms}), file=answers)
