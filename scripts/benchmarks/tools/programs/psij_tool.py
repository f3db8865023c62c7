"""PSI-J: TASKS jobs that write squares into files; prints their sum."""

import os
from datetime import timedelta
from pathlib import Path

from psij import Job, JobAttributes, JobExecutor, JobSpec, JobState, ResourceSpecV1

executor = JobExecutor.get_instance("slurm")
executor.config.queue_polling_interval = 2
jobs = []
for number in range(int(os.environ["TASKS"])):
    spec = JobSpec(
        executable="/bin/sh",
        arguments=["-c", f"sleep 1; echo $(({number} * {number})) >{number}"],
        directory=Path.cwd(),
        resources=ResourceSpecV1(process_count=1, cpu_cores_per_process=1),
        attributes=JobAttributes(duration=timedelta(minutes=20)),
    )
    jobs.append(Job(spec))
    executor.submit(jobs[-1])
for job in jobs:
    status = job.wait()
    assert status.state is JobState.COMPLETED, status
print(sum(int(Path(str(number)).read_text()) for number in range(len(jobs))), flush=True)
# Its threads that ask squeue go on.
os._exit(0)
