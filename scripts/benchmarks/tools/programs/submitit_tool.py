"""submitit: an array of TASKS squares; prints their sum."""

import os
import time

import submitit


def square(number):
    time.sleep(1)
    return number * number


executor = submitit.AutoExecutor(folder="submitit")
executor.update_parameters(timeout_min=20, slurm_array_parallelism=64)
jobs = executor.map_array(square, range(int(os.environ["TASKS"])))
print(sum(job.result() for job in jobs))
