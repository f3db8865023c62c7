// The Python package: built as wheel and source archive without a network, installed alone, and
// called.

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { gleanWorld, refusal, streamedMap } from "../../../support/glean.js";
import { python } from "../../../support/runtimes/python-runtime.js";

jest.setTimeout(60_000);
const world = gleanWorld();
const sources = join(import.meta.dirname, "../../../../src/sdk/python");
/** As pip calls it: in the sources, with the folder for what is made. */
const build = (what: "wheel" | "sdist", from: string, to: string): string =>
  execFileSync(
    python,
    ["-B", "-c", `import build_backend as b, sys; print(b.build_${what}(sys.argv[1]))`, to],
    { cwd: from, encoding: "utf8" },
  ).trim();
let site: string;

beforeAll(() => {
  const made = join(world.folder, "made");
  site = join(world.folder, "site");
  for (const folder of [made, site]) mkdirSync(folder);
  const archive = build("sdist", sources, made);
  execFileSync("tar", ["-xzf", join(made, archive)], { cwd: made });
  // What a wheel has comes from the source archive, and is complete.
  const unpacked = join(made, archive.replace(".tar.gz", ""));
  const wheel = build("wheel", unpacked, made);
  execFileSync(python, ["-m", "zipfile", "-e", join(made, wheel), site]);
  expect(build("wheel", sources, site)).toBe(wheel);
  execFileSync("cmp", [join(made, wheel), join(site, wheel)]);
});

test("has its code, the mark of types and its record, and nothing else", () => {
  const found = readdirSync(site).filter((name) => !name.endsWith(".whl"));
  expect(found.sort()).toEqual(["gleaner", expect.stringMatching(/^gleaner-.*\.dist-info$/)]);
  expect(readdirSync(join(site, "gleaner"))).toContain("py.typed");
  const asked = "import importlib.metadata as m; print(m.version('gleaner'))";
  expect(execFileSync(python, ["-c", asked], at()).toString()).toBe(
    // That of all of Gleaner.
    `${JSON.parse(readFileSync("package.json", "utf8")).version}\n`,
  );
});

const at = () => ({
  cwd: world.home || world.folder,
  env: { ...world.environment, PYTHONPATH: site, PYTHONDONTWRITEBYTECODE: "1" },
});

async function run(program: string): Promise<unknown> {
  const file = join(world.home, "program.py");
  writeFileSync(file, program);
  const { stdout } = await promisify(execFile)(python, [file], at());
  return JSON.parse(stdout);
}

const json = (value: unknown) => ({ contentType: "application/json", text: JSON.stringify(value) });
const result = (value: unknown) => ({ kind: "result", payload: json(value) });
const ended = (answer: object, state = "COMPLETED") => ({ task: 0, state, reason: null, answer });
const error = { type: "ValueError", message: "bad", stack: "File tile.py, line 3\n" };

/** A gleanerd that adds numbers, with one connection at a time for each request of a client. */
function answerCalls(): void {
  const inputs: { text?: string }[] = [];
  world.answers["POST /v1/calls"] = ({ body }) => ({
    body: { id: body.function === "fail" ? 8 : 7, invocation: null, answer: null },
  });
  world.answers["GET /v1/invocations/7/outcomes"] = () => ({
    body: { outcomes: [ended(result(3))] },
  });
  world.answers["GET /v1/invocations/8/outcomes"] = () => ({
    body: { outcomes: [ended({ kind: "exception", error }, "FAILED")] },
  });
  world.answers["GET /v1/invocations/9/outcomes"] = () => ({ body: { outcomes: [] } });
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1 } });
  world.answers["POST /v1/maps/stream"] = (request) => {
    const sent = streamedMap(request).inputs;
    const first = inputs.length;
    inputs.push(...sent);
    world.answers[`GET /v1/maps/${100 + first}/results`] = () => ({
      body: {
        results: sent.map(({ text }, task) => ({ ...ended(result(Number(text) ** 2)), task })),
        ...{ next: sent.length, isComplete: true },
      },
    });
    return { body: { id: 100 + first, tasks: sent.length } };
  };
}

test("calls, maps, and tells errors apart", async () => {
  answerCalls();
  const found = await run(`
import json, gleaner
with gleaner.connect() as site:
    sum = site.invoke("sum", [1, 2], time_limit=5)
    later = site.result(site.submit("sum", b"bytes"))
    squares = [each.result() for each in site.map("square", iter(range(50)), window=3)]
    try:
        site.invoke("fail")
    except gleaner.FunctionError as error:
        failed = [error.code, error.type, error.message, str(error.__cause__).strip()]
    with site.executor("sum") as executor:
        futures = [each.result() for each in [executor.submit([1, 2]) for _ in range(20)]]
        mapped = list(executor.map(range(5)))
print(json.dumps([sum, later, squares[-1], len(squares), failed, futures, mapped]))`);
  const failed = ["FUNCTION", "ValueError", "bad", '"""\nFile tile.py, line 3\n"""'];
  expect(found).toEqual([3, 3, 2_401, 50, failed, Array(20).fill(3), [0, 1, 4, 9, 16]]);
  const [first, second] = world.requests.filter(({ url }) => url === "/v1/calls");
  expect(first!.body).toMatchObject({ timeLimitMs: 5_000, fresh: true, input: json([1, 2]) });
  expect(second!.body.input).toEqual({
    ...{ contentType: "application/octet-stream", base64: "Ynl0ZXM=" },
  });
});

test("cancels what its caller gives up, by time, by the future or by leaving the loop", async () => {
  answerCalls();
  world.answers["POST /v1/calls"] = () => ({ body: { id: 9, invocation: null, answer: null } });
  const outcomes = await run(`
import json, threading, gleaner
site = gleaner.connect()
# Has a token and a connection from here on, so that the next call is accepted before its timeout
# and there is one to cancel.
site.submit("sum")
try:
    site.invoke("sum", timeout=1.5)
except TimeoutError as error:
    late = error.code
executor = site.executor("sum")
future = executor.submit(1)
cancelled = future.cancel()
executor.shutdown(cancel_futures=True)
for each in site.map("square", [1, 2, 3]):
    break
def source():
    yield 1
    raise KeyError("mine")
try:
    list(site.map("square", source()))
except KeyError as error:
    theirs = str(error)
print(json.dumps([late, cancelled, future.cancelled(), theirs]))`);
  expect(outcomes).toEqual(["DEADLINE", true, true, "'mine'"]);
  const cancelled = world.requests.filter(({ url }) => url === "/v1/cancel");
  expect(cancelled.map(({ body }) => body.ids[0])).toEqual(expect.arrayContaining(["9", "100"]));
});

test("sends large inputs beside the request, renews a token once, and survives a broken line", async () => {
  answerCalls();
  let broken = 0;
  const accept = world.answers["POST /v1/calls"]!;
  world.answers["POST /v1/calls"] = (request) => {
    broken++;
    if (broken === 1) return refusal(401, "NOT_IDENTIFIED", "who?");
    return broken === 2 ? "cut" : accept(request);
  };
  const large = Buffer.alloc(100_000, 7);
  const blob = createHash("sha256").update(large).digest("hex");
  world.answers[`PUT /v1/blobs/${blob}`] = () => ({ body: { sha256: blob, bytes: 100_000 } });
  const found = await run(`
import array, asyncio, json
from gleaner import aio
async def main():
    async with await aio.connect() as site:
        first = await site.invoke("sum", memoryview(array.array("B", [7]) * 100_000))
        many = [each.result() async for each in site.map("square", [2, 3])]
        print(json.dumps([first, many]))
asyncio.run(main())`);
  expect(found).toEqual([3, [4, 9]]);
  const [put] = world.requests.filter(({ method }) => method === "PUT");
  expect(put!.bytes).toEqual(large);
  const calls = world.requests.filter(({ url }) => url === "/v1/calls");
  expect(calls).toHaveLength(3);
  expect(calls.map(({ body }) => body.fresh)).toEqual([true, true, false]);
  expect(new Set(calls.map(({ body }) => body.requestId)).size).toBe(1);
  expect(calls[2]!.body.input).toMatchObject({ bytes: 100_000, blob });
});

test("reads the configuration as glean does, and refuses what it cannot read", async () => {
  const found = await run(`
import json, os, gleaner
from gleaner.api.settings import read_settings
texts = [
    "# a site\\nlisten:\\n  host: 'ctl.example'\\n  apiPort: 99 # ours\\n  tls:\\n    ca: /etc/ca.pem\\nmunge:\\n  daemonUser: slurm\\naccess:\\n  - [a, b]\\n",
    "listen: { host: \\"::\\", tls: {ca: /x,\\n  certificate: /y} }\\nmunge: {socket: /run/m}\\n",
    '{"listen": {"apiPort": 7}}',
    "listen: &anchor\\n",
]
found = []
for number, text in enumerate(texts):
    file = f"{os.getcwd()}/{number}.yaml"
    with open(file, "w") as opened:
        opened.write(text)
    try:
        found.append([*read_settings(file)[1:]])
    except gleaner.GleanerError as error:
        found.append(error.code)
print(json.dumps(found))`);
  expect(found).toEqual([
    [
      ["ctl.example", 99, ["/etc/ca.pem", "ctl.example"]],
      [null, "slurm"],
    ],
    [
      ["::1", 828, ["/x", "::1"]],
      ["/run/m", "root"],
    ],
    [
      ["127.0.0.1", 7, null],
      [null, "root"],
    ],
    "CONFIG",
  ]);
});

const mistakes = `
import json, gleaner
from gleaner.direct.lease import Lease
site = gleaner.connect()
nan, inf = float("nan"), float("inf")
lease = object.__new__(Lease)
calls = [
    lambda: site.lease(None),
    lambda: site.lease("f", 1.5),
    lambda: site.lease("f", True),
    lambda: site.lease("f", cores="x"),
    lambda: site.lease("f", ttl=0.001),
    lambda: site.lease("f", hot_ms=nan),
    lambda: site.lease("f", wait=inf),
    lambda: site.lease("f", retry="always"),
    lambda: site.lease("f", timeout="x"),
    lambda: site.invoke(b"f"),
    lambda: site.invoke("f", timeout=1e300),
    lambda: site.invoke("f", time_limit=-1),
    lambda: site.invoke("f", cancellation=3),
    lambda: site.submit("f", request_id="x"),
    lambda: site.result(3),
    lambda: site.cancel("../x"),
    lambda: site.map("f", None),
    lambda: site.map("f", [1], window=0),
    lambda: site.executor("f", 0),
    lambda: site.tasks(memory_mb=-1),
    lambda: site.tasks(environment=3),
    lambda: lease.invoke(1, timeout=-1),
    lambda: lease.map(3),
    lambda: lease.map([1], window=nan),
    lambda: lease.executor("x"),
    lambda: gleaner.connect(3),
    lambda: gleaner.connect(address=3, munge=3),
    lambda: gleaner.connect(address=gleaner.Address("h", 1), munge="root"),
    lambda: site.tasks(worker=3),
    lambda: gleaner.function(memory=3),
]
def said(call):
    try:
        return repr(call())
    except (gleaner.GleanerError, TypeError) as error:
        assert isinstance(error, TypeError) or error.code == "BAD_REQUEST"
        return str(error)
print(json.dumps([said(call) for call in calls]))`;

const limit = "expected a number of seconds above 0, at most 2147483";
const told = [
  "invalid function None: expected the name of a function",
  "invalid workers 1.5: expected a whole number from 1 to 65536",
  "invalid workers True: expected a whole number from 1 to 65536",
  "invalid cores 'x': expected a whole number from 1 to 65536",
  "invalid ttl 0.001: expected a number of seconds from 0.1 to 86400",
  "invalid hot_ms nan: expected a whole number from -1 to 86400000",
  "invalid wait inf: expected a number of seconds from 0 to 60",
  "invalid retry 'always': expected evicted or never",
  "invalid timeout 'x': expected a number of seconds from 0 to 2147483",
  "invalid function b'f': expected the name of a function",
  "invalid timeout 1e+300: expected a number of seconds from 0 to 2147483",
  `invalid time_limit -1: ${limit}`,
  "invalid cancellation 3: expected a gleaner.Cancellation",
  "invalid request_id 'x': expected a UUID",
  "invalid id 3: expected the id of a call, such as '42' or '42_7'",
  "invalid id '../x': expected the id of a call, such as '42' or '42_7'",
  "invalid inputs None: expected a list, or another iterable",
  "invalid window 0: expected a whole number from 1",
  "invalid max_workers 0: expected a whole number from 1",
  "invalid memory_mb -1: expected a whole number from 1 to 2147483647",
  "invalid environment 3: expected a dict of names and values",
  "invalid timeout -1: expected a number of seconds from 0 to 2147483",
  "invalid inputs 3: expected a list, or another iterable",
  "invalid window nan: expected a whole number from 1",
  "invalid max_workers 'x': expected a whole number from 1",
  "invalid config_file 3: expected the path of a file",
  "invalid address 3: expected a gleaner.Address",
  "invalid munge 'root': expected a gleaner.Munge",
  expect.stringMatching(/^tasks\(\) has no option worker: it has at_least, cores, /),
  expect.stringMatching(/^function\(\) has no option memory: it has cores, environment, /),
];

test("refuses each mistake of a program in one sentence, before anything is sent", async () => {
  expect(await run(mistakes)).toEqual(told);
  expect(world.requests).toEqual([]);
});
