"""Parsl: TASKS squares on blocks of SlurmProvider; prints their sum."""

import os

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider


@parsl.python_app
def square(number):
    import time

    time.sleep(0.5)
    return number * number


provider = SlurmProvider(
    walltime="00:30:00", exclusive=False, init_blocks=4, max_blocks=4, worker_init="true"
)
executor = HighThroughputExecutor(
    address="127.0.0.1",
    loopback_address="127.0.0.1",
    max_workers_per_node=1,
    heartbeat_period=2,
    heartbeat_threshold=20,
    provider=provider,
)
# Parsl counts a task whose worker is lost as failed.
with parsl.load(Config(executors=[executor], retries=100, strategy="none")):
    futures = [square(number) for number in range(int(os.environ["TASKS"]))]
    print(sum(future.result() for future in futures))
