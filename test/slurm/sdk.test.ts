// Functions called from a program elsewhere and by glean map, on real Slurm: results, errors, the
// queue's view of calls, cancellation.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { makePackage } from "../../scripts/bundle/package.mjs";
import { displayId } from "../../src/model/invocation.js";
import type { InvocationList } from "../../src/wire/api/types.js";
import { python } from "../support/runtimes/python-runtime.js";
import { pythonPackages } from "../support/sdk/python/packages.js";
import { type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;
let project: string;

const handler = `
export default async ({ n, throws, waits }) => {
  console.log("called with", n);
  if (throws) throw new RangeError("no " + n);
  if (waits) await new Promise(() => setInterval(() => {}, 1_000));
  return { square: n * n, uid: process.getuid() };
};`;

beforeAll(async () => {
  at = await testSite({ nodes: 2, cpus: 4, memoryMb: 8_000 });
  await at.until("executors", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
  project = join(at.work, "project");
  const made = join(at.work, "package");
  for (const folder of [project, made]) mkdirSync(folder);
  await makePackage(made, "1.2.3");
  const npm = (...args: string[]) => execFileSync("npm", args, { cwd: project, encoding: "utf8" });
  npm("pack", made, "--silent");
  const [archive] = readdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true }');
  npm("install", "--offline", "--silent", `./${archive}`);
  writeFileSync(join(at.work, "square.mjs"), handler);
  await at.site.gleanOrThrow(["function", "deploy", "square", join(at.work, "square.mjs")], {
    user,
  });
});
afterAll(() => at?.site.stop());

const glean = (...args: string[]) => at.site.glean(args, { user });

test("a program that installed the package calls, maps, cancels, and tells errors apart", async () => {
  writeFileSync(
    join(project, "program.mjs"),
    `import { connect, FunctionError } from "gleaner";
const gleaner = await connect({ configFile: ${JSON.stringify(at.site.files.config)} });
const one = await gleaner.invoke("square", { n: 3 });
const later = await gleaner.result(await gleaner.submit("square", { n: 4 }));
let sum = 0;
function* inputs() { for (let n = 0; n < 1_500; n++) yield { n }; }
for await (const { ok, index, value } of gleaner.map("square", inputs()))
  if (ok && value.square === index ** 2) sum++;
const error = await gleaner.invoke("square", { n: 5, throws: true }).catch((it) => it);
const reason = await gleaner
  .invoke("square", { n: 6, waits: true }, { signal: AbortSignal.timeout(500) })
  .catch((it) => it.name);
console.log(JSON.stringify({ one, later, sum, reason, code: error.code, type: error.type,
  isTheirs: error instanceof FunctionError, stack: error.stack }));`,
  );
  const program = join(project, "program.mjs");
  const { stdout, stderr } = await at.site.cluster.run(process.execPath, [program], {
    user,
    timeoutMs: 120_000,
  });
  expect(stderr).toBe("");
  const { stack, ...found } = JSON.parse(stdout);
  expect(found).toEqual({
    one: { square: 9, uid: 65_534 },
    later: { square: 16, uid: 65_534 },
    ...{ sum: 1_500, reason: "TimeoutError", code: "FUNCTION", type: "RangeError", isTheirs: true },
  });
  expect(stack).toMatch(/^RangeError: no 5\n.*square\.mjs:4/);
  const { invocations } = await at.json<InvocationList>(["acct"], user);
  // The ids of calls that their client waits for are reserved in blocks.
  const inTime = [...invocations].sort((one, other) => one.submittedAtMs - other.submittedAtMs);
  const [last] = await at.ended(displayId(inTime.at(-1)!));
  expect(last).toMatchObject({ name: "square", state: "CANCELLED" });
});

test("a program in Python leases workers for its module and any function, also by joblib, dask, Parsl", async () => {
  const folder = join(project, "python");
  cpSync("test/support/sdk/python/program", folder, { recursive: true });
  const path = [resolve("src/sdk/python"), await pythonPackages()].join(":");
  const variables = [`GLEANER_CONF=${at.site.files.config}`, `PYTHONPATH=${path}`];
  const program = [...variables, python, "-B", join(folder, "main.py")];
  const { stdout, stderr } = await at.site.cluster.run("env", program, {
    user,
    timeoutMs: 120_000,
  });
  expect(stderr).toBe("");
  const to = (end: number) => [...Array(end).keys()];
  expect(JSON.parse(stdout)).toEqual({
    ...{ local: 1.5, remote: { mean: 6, uid: 65_534 }, lease: to(40) },
    ...{ array: true, asyncio: to(9).map((n) => n + 0.5) },
    ...{ map: [0, 1, 4, 9, 16], numpy: 199_998, elsewhere: true, error: ["'theirs'", true] },
    ...{ joblib: to(20).map((n) => n ** 2), "joblib error": true },
    ...{ dask: 64, "dask client": [2, 4], "dask futures": { sum: 6 }, parsl: 100 },
    "dask error": "ZeroDivisionError('integer division or modulo by zero')",
    "dask values": [0, 1, 2],
    "dask cancelled": [],
  });
});

test("glean map prints results; what failed is called again by the map's id", async () => {
  const inputs = [{ n: 1 }, { n: 2, throws: true }, { n: 3 }];
  const file = join(at.work, "in.ndjson");
  writeFileSync(file, inputs.map((each) => `${JSON.stringify(each)}\n`).join(""));
  const first = await glean("map", "square", "--inputs", file);
  expect(first.exitCode).toBe(1);
  const lines = first.stdout.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).value?.square ?? null)).toEqual([1, null, 9]);
  const id = /--retry-failed (\d+)/.exec(first.stderr)?.[1];
  expect(first.stderr).toContain(`1 of 3 calls failed (the first: call ${id}_1: no 2)`);
  expect((await glean("show", `${id}_1`, "--log")).stdout).toContain("called with 2");
  expect((await glean("show", `${id}`, "--answer")).stdout.trim().split("\n")).toHaveLength(3);
  const again = await glean("map", "--retry-failed", `${id}`);
  expect(JSON.parse(again.stdout)).toMatchObject({ index: 0, retryOf: `${id}_1`, ok: false });
});

test("the commands for invocations read well for calls and maps", async () => {
  const file = join(at.work, "waits.ndjson");
  writeFileSync(file, Array(12).fill('{"n":1,"waits":true}\n').join(""));
  const id = (await glean("map", "square", "--inputs", file, "--async")).stdout.trim();
  await at.until("a call to run", async () => {
    const found = await at.invocations(id);
    return found.some(({ state }) => state === "RUNNING") || undefined;
  });
  const queue = await glean("queue", "--me");
  const shown = await glean("show", `${id}_0`);
  const waiting = await glean("explain", `${id}_11`);
  const running = await glean("explain", `${id}_0`);
  expect(queue.stdout).toMatch(new RegExp(`${id}_\\[[\\d,-]+\\] +square +nobody`));
  expect(shown.stdout).toMatch(
    /JobName=square\n[\s\S]* Function=nobody\/square Version=[0-9a-f]{64}/,
  );
  expect(waiting.stdout).toContain("invocations are ahead of it in the queue");
  expect(running.stdout).toMatch(new RegExp(`^${id}_0 runs on n[12] as attempt 1`));
  expect((await glean("cancel", id)).exitCode).toBe(0);
  const ended = await at.ended(id);
  expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(["CANCELLED"]));
});
