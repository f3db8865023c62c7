"""Parsl: a no-op app on a HighThroughputExecutor of this machine."""

import parsl
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from driver import folder, serve, workers


@python_app
def noop(value):
    return value


def run(tasks):
    futures = [noop(value) for value in range(tasks)]
    assert [future.result() for future in futures] == list(range(tasks))


if __name__ == "__main__":
    executor = HighThroughputExecutor(
        label="workers",
        address="127.0.0.1",
        max_workers_per_node=workers,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    config = Config(
        executors=[executor],
        run_dir=folder,
        strategy="none",
        usage_tracking=0,
        initialize_logging=False,
    )
    with parsl.load(config):
        serve(run)
