"""Dask distributed: a map of a no-op over worker processes of one thread each."""

import dask
from dask.distributed import Client, LocalCluster

from driver import folder, serve, workers


def noop(value):
    return value


def run(client, tasks):
    # pure: without it Dask would answer from the results of the round before.
    futures = client.map(noop, range(tasks), pure=False)
    assert client.gather(futures) == list(range(tasks))


if __name__ == "__main__":
    dask.config.set({"temporary-directory": folder})
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        serve(lambda tasks: run(client, tasks))
