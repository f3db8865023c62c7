// Leases in Python: calls that go to real workers, and what happens when one is killed.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, jest, test } from "@jest/globals";
import { gleanWorld } from "../../../support/glean.js";
import { python } from "../../../support/runtimes/python-runtime.js";
import { type ServedWorker, startServing, stopServing } from "../../../support/runtimes/serving.js";

jest.setTimeout(60_000);
const world = gleanWorld();
const sources = join(import.meta.dirname, "../../../../src/sdk/python");
afterAll(stopServing);

const code = {
  "f.py": `
import os
def work(event):
    if isinstance(event, bytes):
        return event
    if event == "die":
        os._exit(1)
    if event == "throw":
        raise ValueError("no")
    return [event, os.getpid()]
`,
};

async function run(program: string): Promise<unknown> {
  const file = join(world.home, "program.py");
  writeFileSync(file, program);
  const env = { ...world.environment, PYTHONPATH: sources, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(python, [file], { cwd: world.home, env });
  return JSON.parse(stdout);
}

/** A gleanerd that has granted a lease of these workers. */
function grant(...served: ServedWorker[]): void {
  const workers = served.map(({ endpoint }) => endpoint);
  const lease = { id: 9, state: "ACTIVE", revision: 1, expiresInMs: 9_000, workers, reason: null };
  world.answers["POST /v1/leases"] = () => ({ body: lease });
  world.answers["GET /v1/leases/9"] = () => ({ body: lease });
  world.answers["POST /v1/leases/9/renew"] = () => ({ body: { expiresInMs: 9_000, revision: 1 } });
  world.answers["POST /v1/leases/9/end"] = () => ({ body: { state: "ENDED" } });
  world.answers["POST /v1/calls"] = () => ({ body: { id: 7, invocation: null, answer: null } });
  const payload = { contentType: "application/json", text: '"over gleanerd"' };
  const answer = { kind: "result", payload };
  const outcome = { task: 0, state: "COMPLETED", reason: null, answer };
  world.answers["GET /v1/invocations/7/outcomes"] = () => ({ body: { outcomes: [outcome] } });
}

test("calls workers directly, elsewhere once one dies, and over gleanerd without any", async () => {
  const two = { handler: "f.py:work" };
  grant(
    await startServing("python", code, { ...two, worker: "9.1" }),
    await startServing("python", code, { ...two, worker: "10.1" }),
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

test("does not repeat a call that may have run, if its caller says so", async () => {
  grant(await startServing("python", code, { handler: "f.py:work", worker: "9.1" }));
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

test("reads and writes the vectors of the direct path", async () => {
  const read = (name: string) => readFileSync(`test/vectors/direct/${name}.json`, "utf8");
  for (const name of ["frames", "handshake"])
    writeFileSync(join(world.home, `${name}.json`), read(name));
  const { frames } = JSON.parse(read("frames")) as { frames: { type: string }[] };
  const sentByWorkers = /^(result|error|busy|ended|bye|workerHello|accepted|refused|terminating)$/;
  const count = frames.filter(({ type }) => sentByWorkers.test(type)).length;
  const found = await run(`
import json, random
from gleaner.direct import frames
vectors = json.load(open("frames.json"))
read = 0
for each in vectors["frames"]:
    data = bytes.fromhex(each["hex"])
    try:
        header = frames.decode_header(data[:16])
    except frames.FrameError:
        continue
    read += 1
    metadata, payload = data[16:16 + header.metadata_bytes], data[16 + header.metadata_bytes:]
    assert frames.encode_head(header.type, header.id, metadata, len(payload)) + payload == data
    assert "fields" not in each or frames.decode_fields(payload) == each["fields"], each["name"]
for each in vectors["invalid"]:
    try:
        frames.decode_header(bytes.fromhex(each["hex"])[:16])
    except frames.FrameError:
        continue
    raise AssertionError(each["name"])
for each in json.load(open("handshake.json"))["proofs"]:
    about = (each["worker"], each["clientNonce"], each["workerNonce"])
    for side in ("client", "worker"):
        proof = frames.proof_of(bytes.fromhex(each["key"]), side, *about)
        assert proof == each[side + "Proof"]
chance = random.Random(7)
for _ in range(20_000):
    try:
        header = frames.decode_header(chance.getrandbits(128).to_bytes(16, "little"))
        assert header.payload_bytes <= 64 * 1024 * 1024
    except frames.FrameError:
        pass
print(json.dumps(read))`);
  expect(found).toBe(count);
});
