"""A program with two mistakes that mypy finds by the types of the package."""

import gleaner
from gleaner import aio


@gleaner.function(memory_mb=200)
def double(x: int) -> int:
    return 2 * x


async def main() -> int:
    async with await aio.connect() as site, await site.lease("tile", 2, hot_ms=-1) as lease:
        async for each in lease.map(range(5)):
            print(each.index, each.result())
    with gleaner.connect() as blocking, blocking.tasks(4, cores=2) as tasks:
        tasks.submit(double, 2).result()
    await site.lease("tile", worker=2)
    same: int = double.remote(21)
    return same + double("2")
