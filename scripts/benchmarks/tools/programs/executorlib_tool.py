"""executorlib: TASKS squares, each a job of pysqa's; prints their sum."""

import os

from executorlib import SlurmClusterExecutor

template = """#!/bin/bash
#SBATCH --job-name={{job_name}}
#SBATCH --output=time.out
#SBATCH --chdir={{working_directory}}
#SBATCH --time=20
#SBATCH --cpus-per-task={{cores}}
{{command}}
"""


def square(number):
    import time

    time.sleep(1)
    return number * number


if __name__ == "__main__":
    chosen = {"submission_template": template}
    with SlurmClusterExecutor(cache_directory="cache", resource_dict=chosen) as executor:
        futures = [executor.submit(square, number) for number in range(int(os.environ["TASKS"]))]
        print(sum(future.result() for future in futures))
