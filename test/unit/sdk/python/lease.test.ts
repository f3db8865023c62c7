// Leases in Python: calls that go to real workers, and what happens when one is killed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { refusal } from "../../../support/glean.js";
import { startServing } from "../../../support/runtimes/serving.js";
import {
  describePython,
  granted,
  LeasedPython,
} from "../../../support/sdk/python/leased-python.js";
import { pythonPackages } from "../../../support/sdk/python/packages.js";

jest.setTimeout(60_000);
const leased = new LeasedPython();
const { world, run, grant } = leased;

const code = {
  "f.py": `
import os, time
def work(event):
    if isinstance(event, bytes):
        return event
    if event == "die":
        os._exit(1)
    if event == "throw":
        raise ValueError("no")
    if event == "sleep":
        time.sleep(60)
    return [event, os.getpid()]
`,
};

const asyncCode = {
  "f.py": `
import asyncio
sleeping = cancelled = 0
async def work(event):
    global sleeping, cancelled
    if event == "sleeping":
        return sleeping
    if event == "cancelled":
        return cancelled
    if event == "sleep":
        sleeping += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        finally:
            sleeping -= 1
    return event
`,
};

const compiled = describePython(leased, () => {
  test("calls workers directly, elsewhere once one dies, and over gleanerd without any", async () => {
    const two = { handler: "f.py:work" };
    grant(
      await startServing(leased.parts.command, code, { ...two, worker: "9.1" }),
      await startServing(leased.parts.command, code, { ...two, worker: "10.1" }),
    );
    const found = await run(`
import concurrent.futures, json, gleaner
with gleaner.connect() as site, site.lease("work", 2, ttl=0.6) as lease:
    large = bytes(5 * 1024 * 1024)
    same = lease.invoke(large) == large
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        pids = {lease.invoke(n)[1] for n in range(3)} | set(
            each[1] for each in threads.map(lease.invoke, range(200)))
    try:
        lease.invoke("throw")
    except gleaner.FunctionError as error:
        failed = [error.type, error.message, "ValueError" in error.remote_stack]
    # It kills the one, then the other, and is answered over gleanerd.
    died = lease.invoke("die")
    print(json.dumps([same, len(pids), failed, died, len(lease.workers)]))`);
    expect(found).toEqual([true, 2, ["ValueError", "no", true], "over gleanerd", 2]);
    const body = world.requests.find(({ url }) => url === "/v1/leases")?.body;
    expect(body).toMatchObject({ function: "work", workers: 2, atLeast: 1, ttlMs: 600, hotMs: 0 });
    expect(world.requests.map(({ url }) => url)).toContain("/v1/leases/9/end");
  });

  test("asks for another lease if a gleanerd that was killed does not know it", async () => {
    const handler = { handler: "f.py:work" };
    grant(await startServing(leased.parts.command, code, { ...handler, worker: "9.1" }));
    const { endpoint } = await startServing(leased.parts.command, code, {
      ...handler,
      worker: "10.1",
    });
    const { answers } = world;
    const grantFirst = answers["POST /v1/leases"]!;
    const forget = () => refusal(404, "NOT_FOUND", "there is no lease 9");
    answers["POST /v1/leases"] = (request) => {
      Object.assign(answers, { "GET /v1/leases/9": forget, "POST /v1/leases/9/renew": forget });
      answers["POST /v1/leases"] = () => ({ body: { ...granted, id: 10, workers: [endpoint] } });
      return grantFirst(request);
    };
    answers["GET /v1/leases/10"] = () => ({ body: { ...granted, id: 10, workers: [endpoint] } });
    answers["POST /v1/leases/10/renew"] = () => ({ body: { expiresInMs: 9_000, revision: 1 } });
    answers["POST /v1/leases/10/end"] = () => ({ body: { state: "ENDED" } });
    const found = await run(`
import json, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    while lease.id == "9":
        lease.invoke(1)
    print(json.dumps([lease.id, lease.workers, lease.invoke(4)[0]]))`);
    expect(found).toEqual(["10", ["10.1"], 4]);
    const urls = world.requests.map(({ url }) => url);
    expect(urls).toContain("/v1/leases/10/end");
    expect(urls).not.toContain("/v1/leases/9/end");
  });

  test("gets another lease as soon as a call needs it, once the one that it had has ended", async () => {
    const handler = { handler: "f.py:work" };
    grant(await startServing(leased.parts.command, code, { ...handler, worker: "9.1" }));
    const { endpoint } = await startServing(leased.parts.command, code, {
      ...handler,
      worker: "10.1",
    });
    const { answers } = world;
    const grantFirst = answers["POST /v1/leases"]!;
    answers["POST /v1/leases"] = (request) => {
      const ended = { ...granted, id: 9, state: "ENDED", revision: 2, workers: [] };
      answers["GET /v1/leases/9"] = () => ({ body: ended });
      answers["POST /v1/leases"] = () => refusal(503, "LEASE_NOT_GRANTED", "there is no room");
      return grantFirst(request);
    };
    answers["POST /v1/leases/10/renew"] = () => ({ body: { expiresInMs: 9_000, revision: 1 } });
    answers["POST /v1/leases/10/end"] = () => ({ body: { state: "ENDED" } });
    const again = () => ({ body: { ...granted, id: 10, workers: [endpoint] } });
    let calls = 0;
    answers["POST /v1/calls"] = () => {
      // There is room then.
      if (++calls === 20)
        Object.assign(answers, { "POST /v1/leases": again, "GET /v1/leases/10": again });
      return { body: { id: 7, invocation: null, answer: null } };
    };
    const found = await run(`
import json, time, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    while lease.state != "ENDED":
        time.sleep(0.01)
    over_gleanerd = [lease.invoke(n) for n in range(20)]
    while lease.id == "9":
        lease.invoke(1)
        time.sleep(0.01)
    print(json.dumps([over_gleanerd, lease.state, lease.invoke(4)[0]]))`);
    expect(found).toEqual([Array(20).fill("over gleanerd"), "ACTIVE", 4]);
    const asked = world.requests.filter(({ url }) => url === "/v1/leases");
    // The pauses between them double, so that there are few however long 20 calls take.
    expect(asked.length).toBeLessThan(12);
    expect(world.requests.map(({ url }) => url)).toContain("/v1/leases/10/end");
  });

  test.each([
    [
      "is left to the parent by a forked process that leaves its block",
      `
with gleaner.connect() as site, site.lease("work") as lease:
    child = os.fork()
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    print(json.dumps([lease.state, lease.invoke(3)[0]]), flush=True)`,
    ],
    [
      "ends if its program forgets it",
      `
site = gleaner.connect()
lease = site.lease("work", ttl=0.3)
lease.invoke(1)
[keeper] = [each for each in threading.enumerate() if each.name == "gleaner-lease"]
del lease
keeper.join()
print(json.dumps(["ACTIVE", 3]))`,
    ],
  ])("a lease %s, and is ended once", async (_how, program) => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    expect(await run(`import json, os, sys, threading, time, gleaner\n${program}`)).toEqual([
      "ACTIVE",
      3,
    ]);
    const ends = world.requests.filter(({ url }) => url === "/v1/leases/9/end");
    expect(ends).toHaveLength(1);
  });

  test("reaches named hosts once the resolver answers, and waits for it a moment at most", async () => {
    const served = await startServing(leased.parts.command, code, {
      handler: "f.py:work",
      worker: "9.1",
    });
    grant({ ...served, endpoint: { ...served.endpoint, host: "node-9", hostId: "another" } });
    const found = await run(`
import json, os, socket, sys, threading, gleaner
real, answers = socket.getaddrinfo, threading.Event()
def getaddrinfo(host, *args, **flags):
    if host != "node-9":
        return real(host, *args, **flags)
    if flags.get("flags") == socket.AI_NUMERICHOST:
        raise socket.gaierror(socket.EAI_NONAME, "a name")
    answers.wait()
    return real("127.0.0.1", *args, **flags)
socket.getaddrinfo = getaddrinfo
with gleaner.connect() as site, site.lease("work") as lease:
    said = [lease.invoke(1)]
    child = os.fork()
    answers.set()
    while lease.invoke(2)[0] != 2:
        pass
    if child == 0:
        sys.exit(0)
    said.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps(said))`);
    expect(found).toEqual(["over gleanerd", 0]);
  });

  test("does not repeat a call that may have run, if its caller says so", async () => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    const found = await run(`
import json, gleaner
lease = gleaner.connect().lease("work", retry="never")
try:
    lease.invoke("die")
except gleaner.LeaseLostError as error:
    print(json.dumps([error.code, "may have run" in error.message]))
lease.end()`);
    expect(found).toEqual(["LEASE_LOST", true]);
    expect(world.requests.map(({ url }) => url)).not.toContain("/v1/calls");
  });

  test("cancels a call at its deadline or by its future, and connects anew in a forked process", async () => {
    const handler = { handler: "f.py:work", concurrency: 4 };
    grant(await startServing(leased.parts.command, asyncCode, { ...handler, worker: "9.1" }));
    const found = await run(`
import concurrent.futures, json, os, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    said = []
    # A deadline may be over before the worker has begun the call, which then never runs.
    while lease.invoke("cancelled") < 1:
        try:
            lease.invoke("sleep", timeout=0.3)
        except gleaner.DeadlineError as error:
            said = [error.code]
    with lease.executor() as executor:
        while lease.invoke("sleeping") > 0:
            pass
        future = executor.submit("sleep")
        while lease.invoke("sleeping") < 1:
            pass
        said.append(future.cancel())
    while lease.invoke("sleeping") > 0:
        pass
    executor = lease.executor(1)
    said.append(executor.submit(3).result())
    child = os.fork()
    if child == 0:
        try:
            is_right = lease.invoke(4) == 4 and executor.submit(6).result(timeout=30) == 6
            os._exit(0 if is_right else 1)
        finally:
            os._exit(2)
    said.append(os.waitpid(child, 0)[1])
    try:
        list(executor.map(["sleep"], timeout=0.3))
    except concurrent.futures.TimeoutError:
        said.append("late")
    executor.shutdown()
    print(json.dumps([*said, lease.invoke(5)]))`);
    expect(found).toEqual(["DEADLINE", true, 3, 0, "late", 5]);
  });

  test("maps over a lease in order, with what fails, and cancels what is left", async () => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    const found = await run(`
import asyncio, itertools, json, gleaner
from gleaner import aio
with gleaner.connect() as site, site.lease("work") as lease:
    inputs = [*range(300), "throw", *range(300)]
    each = list(lease.map(iter(inputs)))
    in_order = [one.index for one in each] == list(range(601))
    values = [one.value[0] for one in each if one.error is None] == [*range(300), *range(300)]
    failed = [(one.index, one.error.type) for one in each if one.error]
    for one in lease.map(itertools.count()):
        if one.index == 5:
            break
    with lease.executor(2) as executor:
        mapped = [each[0] for each in executor.map(range(9))]
async def main():
    async with await aio.connect() as site, await site.lease("work") as lease:
        some = [each.value[0] async for each in lease.map(range(5))]
        many = await asyncio.gather(*(lease.invoke(n) for n in range(20)))
        try:
            await asyncio.wait_for(lease.invoke("sleep"), 0.2)
        except asyncio.TimeoutError:
            return [some, [each[0] for each in many], len(lease.workers)]
print(json.dumps([in_order, values, failed, one.index, mapped, asyncio.run(main())]))`);
    const to = (end: number) => [...Array(end).keys()];
    expect(found).toEqual([true, true, [[300, "ValueError"]], 5, to(9), [to(5), to(20), 1]]);
  });

  test("waits for a worker that is busy with the calls of others", async () => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    const found = await run(`
import json, threading, time, gleaner
from gleaner.direct import frames
from gleaner.direct.channel import Channel
from gleaner.payloads import content_of
with gleaner.connect() as site, site.lease("work") as lease:
    other = Channel(lease._keeper.state["workers"][0], time.monotonic() + 30)
    head = frames.call_head(0, 1, "application/json", "1")
    for number in range(1, 301):
        other._send(frames.CALL, number, content_of(number), head, None)
    got = lease.invoke(1)[0]
    answers = [other._reader.frame(None)[0] for _ in range(300)]
    print(json.dumps([got, answers.count(frames.RESULT) + answers.count(frames.BUSY)]))`);
    expect(found).toEqual([1, 300]);
  });

  test("carries arrays of numpy of any layout, and 32 MB without a copy in the client", async () => {
    const packages = await pythonPackages();
    const turns = `
import sys
sys.path.append(${JSON.stringify(packages)})
import numpy
def work(array):
    return array.T if array.ndim == 2 else array
`;
    const handler = { handler: "f.py:work", worker: "9.1", outputLimitBytes: 64 * 1024 * 1024 };
    grant(await startServing(leased.parts.command, { "f.py": turns }, handler));
    const found = await run(`
import json, sys, tracemalloc
sys.path.append(${JSON.stringify(packages)})
import numpy, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    grid = numpy.arange(12.0).reshape(3, 4)
    same = [
        numpy.array_equal(lease.invoke(each), each.T if each.ndim == 2 else each)
        for each in (grid, numpy.asfortranarray(grid), grid[:, ::2], numpy.zeros((0, 3)),
                     numpy.arange(24).reshape(2, 3, 4).swapaxes(0, 1), numpy.array(2.5))
    ]
    large = numpy.arange(4_000_000.0)
    tracemalloc.start()
    back = lease.invoke(large)
    peak = tracemalloc.get_traced_memory()[1]
    # What came takes its own room, and nothing else does.
    print(json.dumps([same, numpy.array_equal(back, large), peak < 1.1 * large.nbytes]))`);
    expect(found).toEqual([Array(6).fill(true), true, true]);
  });
});

test("does without the compiled part if the environment says so, or it cannot be loaded", async () => {
  leased.parts = compiled;
  const program = `
import json
from gleaner.direct import extension
print(json.dumps(extension.exchange is None))`;
  expect(await run(program)).toBe(false);
  expect(await run(program, { GLEANER_PURE_PYTHON: "1" })).toBe(true);
  writeFileSync(join(compiled.sdk, "gleaner/direct/_exchange.abi3.so"), "not for this machine");
  expect(await run(program)).toBe(true);
});
