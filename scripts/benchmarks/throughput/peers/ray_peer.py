"""Ray: remote no-op tasks, one processor each."""

import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"

import ray  # noqa: E402

from driver import folder, serve, workers  # noqa: E402

object_store_bytes = 128 * 1024 * 1024


@ray.remote(num_cpus=1)
def noop(value):
    return value


def run(tasks):
    assert ray.get([noop.remote(value) for value in range(tasks)]) == list(range(tasks))


if __name__ == "__main__":
    ray.init(
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=object_store_bytes,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )
    try:
        serve(run)
    finally:
        ray.shutdown()
