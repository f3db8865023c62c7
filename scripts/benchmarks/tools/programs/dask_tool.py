"""dask-jobqueue: TASKS squares on four workers of SLURMCluster; prints their sum."""

import os
import time

import dask
from dask.distributed import Client
from dask_jobqueue import SLURMCluster


def square(number):
    time.sleep(2)
    return number * number


# dask gives up a task once this many of its workers are gone, and a worker that is away too long.
dask.config.set(
    {
        "distributed.scheduler.allowed-failures": 100,
        "distributed.deploy.lost-worker-timeout": "10 min",
    }
)
cluster = SLURMCluster(cores=1, memory="500MB", walltime="00:30:00", interface="lo")
cluster.scale(4)
with Client(cluster) as client:
    print(sum(client.gather(client.map(square, range(int(os.environ["TASKS"]))))))
cluster.close()
