"""A module that deploys itself."""

import os
import sys

import gleaner


@gleaner.function(memory_mb=200, time_limit=100)
def mean(readings):
    return {"mean": sum(readings) / len(readings), "uid": os.getuid()}


# Arrays need numpy, here and there.
@gleaner.function(
    python=sys.executable, environment={"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
)
def doubled(array):
    return array * 2
