"""dask-jobqueue: TASKS squares on four workers of SLURMCluster; prints their sum."""

import os
import time

from dask.distributed import Client
from dask_jobqueue import SLURMCluster


def square(number):
    time.sleep(2)
    return number * number


# dask gives a task up once this many of its workers are gone, and a worker that is not back in time.
os.environ["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "100"
os.environ["DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT"] = "10 min"
cluster = SLURMCluster(cores=1, memory="500MB", walltime="00:30:00", interface="lo")
cluster.scale(4)
with Client(cluster) as client:
    print(sum(client.gather(client.map(square, range(int(os.environ["TASKS"]))))))
cluster.close()
