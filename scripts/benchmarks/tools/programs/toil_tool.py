"""Toil: TASKS squares, each a job, and their sum, which it prints."""

import os
import time

from toil.common import Toil
from toil.job import Job

size = {"cores": 1, "memory": "300M", "disk": "10M"}


def square(job, number):
    time.sleep(1)
    return number * number


def total(job, squares):
    return sum(squares)


def root(job):
    squares = [
        job.addChildJobFn(square, number, **size).rv() for number in range(int(os.environ["TASKS"]))
    ]
    return job.addFollowOnJobFn(total, squares, **size).rv()


if __name__ == "__main__":
    # A worker that is evicted after its last word would look half a minute for its job.
    os.environ["TOIL_SLURM_ARGS"] = "--no-requeue"
    options = Job.Runner.getDefaultOptions("./jobs")
    options.batchSystem = "slurm"
    options.slurmTime = 1_200
    options.statePollingWait = 5
    options.retryCount = 20
    # It triples its pause before each further try: after six evictions it would be eight minutes.
    options.retry_backoff_factor = 1
    options.logLevel = "ERROR"
    with Toil(options) as toil:
        print(toil.start(Job.wrapJobFn(root, **size)))
