"""What programs do with leased workers: a module that deploys itself, any function, asyncio, and
the packages that know executors."""

import asyncio
import concurrent.futures
import json
import os
import sys
import tempfile
import types

import dask
import gleaner
import joblib
import numpy
import parsl
import stations
from gleaner import aio
from gleaner.integrations.dask import Client
from gleaner.integrations.joblib import GleanerBackend
from gleaner.integrations.parsl import GleanerExecutor

said = {}


def deployed():
    said["local"] = stations.mean([1, 2])["mean"]
    said["remote"] = stations.mean.remote([4, 5, 9])
    with stations.mean.lease(2) as lease:
        said["lease"] = [each.result()["mean"] for each in lease.map([n] for n in range(40))]
    array = numpy.arange(6.0).reshape(2, 3).T
    with stations.doubled.lease() as lease:
        said["array"] = lease.invoke(array).tolist() == (array * 2).tolist()


async def from_asyncio():
    async with await aio.connect() as site, await site.lease(stations.mean.deploy()) as lease:
        calls = (lease.invoke([n, n + 1]) for n in range(9))
        said["asyncio"] = [each["mean"] for each in await asyncio.gather(*calls)]


def any_function(tasks):
    said["map"] = list(tasks.map(lambda x, y: x * y, range(5), range(5)))
    said["numpy"] = float(tasks.submit(lambda a: a * 2, numpy.arange(1e5)).result()[-1])
    said["elsewhere"] = tasks.submit(os.getpid).result() != os.getpid()

    def fails():
        raise KeyError("theirs")

    try:
        tasks.submit(fails).result()
    except KeyError as error:
        said["error"] = [str(error), "in fails" in str(error.__cause__)]


def from_joblib(tasks):
    with joblib.parallel_config(GleanerBackend(tasks)):
        said["joblib"] = joblib.Parallel()(joblib.delayed(pow)(n, 2) for n in range(20))
        try:
            joblib.Parallel()(joblib.delayed(divmod)(1, n) for n in range(2))
        except ZeroDivisionError:
            said["joblib error"] = True


def from_dask(tasks):
    with Client(tasks) as client:
        parts = [dask.delayed(sum)([n, n + 1]) for n in range(8)]
        said["dask"] = dask.delayed(sum)(parts).compute()
        two = client.submit(pow, 2, 1)
        powers = client.map(pow, [two, two], [1, 2])
        said["dask client"] = client.gather(powers)
        said["dask futures"] = client.gather({"sum": client.submit(sum, powers)})
        fails = client.submit(divmod, 1, 0)
        for _ in range(400):
            fails = client.submit(abs, fails)
        said["dask error"] = repr(fails.exception())
        values = client.compute([dask.delayed(n) for n in range(3)])
        said["dask values"] = [each.result() for each in values]
    said["dask cancelled"] = cancelled_before_it_begins(tasks)


def cancelled_before_it_begins(tasks):
    """What dask's client has then submitted."""
    submitted = []
    watched = types.SimpleNamespace(submit=lambda *call: submitted.append(repr(call)))
    with Client(watched) as client:
        awaited = concurrent.futures.Future()
        call = client.submit(pow, awaited, 2)
        call.cancel()
        awaited.set_result(3)
        concurrent.futures.wait([call], 60)
    return submitted


def from_parsl():
    executors = [GleanerExecutor(workers=2)]
    with tempfile.TemporaryDirectory() as folder, parsl.load(
        parsl.Config(executors=executors, run_dir=folder, usage_tracking=0)
    ):
        cube = parsl.python_app(lambda n: n**3)
        add = parsl.python_app(lambda *n: sum(n))
        said["parsl"] = add(*[cube(n) for n in range(5)]).result()


deployed()
asyncio.run(from_asyncio())
with gleaner.connect() as site, site.tasks(2) as tasks:
    any_function(tasks)
    from_joblib(tasks)
    from_dask(tasks)
from_parsl()
json.dump(said, sys.stdout)
