"""dask-jobqueue: TASKS squares on four workers of SLURMCluster; prints their sum."""

import os
import time

import dask
from dask.distributed import Client, as_completed
from dask_jobqueue import SLURMCluster


def square(number):
    time.sleep(1)
    return number * number


# dask gives up a task once this many of its workers are gone, and a worker that is away too long.
dask.config.set(
    {
        "distributed.scheduler.allowed-failures": 100,
        "distributed.deploy.lost-worker-timeout": "10 minutes",
    }
)
cluster = SLURMCluster(cores=1, memory="500MB", walltime="00:30:00", interface="lo")
cluster.scale(4)
with Client(cluster) as client:
    # Workers have the results: those of an evicted one would be computed again.
    numbers = range(int(os.environ["TASKS"]))
    squares = as_completed(client.map(square, numbers), with_results=True)
    print(sum(result for _, result in squares))
cluster.close()
