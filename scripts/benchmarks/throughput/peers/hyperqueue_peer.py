"""HyperQueue: one job of tasks that each run /bin/true, its only kind of no-op.

The wheel starts server and workers, which keep their state in memory. Its client looks once a
second at how many tasks have finished, so the rate is that of its last look before the end."""

import logging
import time

from hyperqueue import LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.job import Job

from driver import folder, serve, workers


def run(client, tasks):
    job = Job()
    for _ in range(tasks):
        job.program(["/bin/true"], stdout=None, stderr=None)
    seen = []
    started = time.monotonic()

    def look(jobs):
        finished = sum(each["finished"] for each in jobs.values())
        if 0 < finished < tasks:
            seen.append((finished, time.monotonic() - started))

    submitted = client.submit(job)
    failed = client.connection.wait_for_jobs([submitted.id], look)
    assert failed == [] and seen, "it took less than two looks: ask for more tasks"
    client.forget(submitted)
    finished, seconds = seen[-1]
    return seconds * 1000 * tasks / finished


if __name__ == "__main__":
    logging.disable(logging.INFO)
    with LocalCluster(server_dir=folder) as cluster:
        for _ in range(workers):
            cluster.start_worker(WorkerConfig(cores=1))
        client = cluster.client()
        serve(lambda tasks: run(client, tasks))
