// The npm package: packed, installed into an empty folder without a registry, typed, and called.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { makePackage } from "../../../scripts/bundle/package.mjs";
import type { PayloadText } from "../../../src/wire/api/types.js";
import { gleanWorld, streamedMap } from "../../support/glean.js";
import { startServing, stopServing } from "../../support/runtimes/serving.js";

jest.setTimeout(120_000);
const world = gleanWorld();
let project: string;

beforeAll(async () => {
  const made = join(world.folder, "dist/sdk");
  mkdirSync(made, { recursive: true });
  await makePackage(made, "1.2.3");
  project = join(world.folder, "project");
  mkdirSync(project);
  const npm = (cwd: string, ...args: string[]) =>
    execFileSync("npm", args, { cwd, encoding: "utf8", stdio: "pipe" });
  const documented = /`npm (pack [^`]+)`/.exec(readFileSync("docs/guide/calling.md", "utf8"))![1]!;
  const to = ["--pack-destination", project, "--silent"];
  const archive = npm(world.folder, ...documented.split(" "), ...to).trim();
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  npm(project, "install", "--offline", "--no-audit", "--no-fund", `./${archive}`);
});

test("is installed alone, without anything that it would need", () => {
  const folder = join(project, "node_modules");
  expect(readdirSync(folder).filter((name) => !name.startsWith("."))).toEqual(["gleaner"]);
  const manifest = JSON.parse(readFileSync(join(folder, "gleaner/package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "gleaner", version: "1.2.3" });
  expect(manifest).not.toHaveProperty("dependencies");
});

const leasing = `
import { connect, type Lease, type LeaseOptions } from "gleaner";
const options: LeaseOptions = { function: "square", workers: 1, ttlMs: 5_000 };
const gleaner = await connect();
const lease: Lease = await gleaner.lease({ ...options, retry: "never" });
const { state, workers: [worker] } = lease;
const one = await lease.invoke<number>(7, { timeLimitMs: 5_000 });
const squares: number[] = [];
for await (const each of lease.map<number>([1, 2, 3])) if (each.ok) squares.push(each.value);
await lease.end();
console.log(JSON.stringify({ state, worker: worker?.worker, one, squares, after: lease.state }));
`;

const program = `
import { connect, Content, FunctionError, GleanerError, type MapResult } from "gleaner";
const gleaner = await connect();
const sum = await gleaner.invoke<number>("sum", [1, 2], { timeLimitMs: 5_000 });
const squares: number[] = [];
for await (const each of gleaner.map<number>("square", [1, 2, 3], { window: 2 }))
  if (each.ok) squares.push(each.value);
const failed: MapResult["ok"] = false;
const error = await gleaner.invoke("fail", new Content("text/plain", "x")).catch((it) => it);
console.log(JSON.stringify({ sum, squares, failed, type: (error as FunctionError).type,
  isTheirs: error instanceof FunctionError, isOurs: error instanceof GleanerError }));
`;

test("has types that a strict program passes, and one with a mistake does not", () => {
  const check = (...texts: string[]): string => {
    const files = texts.map((_, index) => `program-${index}.ts`);
    for (const [index, text] of texts.entries()) writeFileSync(join(project, files[index]!), text);
    const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
    const options = "--noEmit --strict --target ES2023 --lib ES2023,DOM --module NodeNext";
    const args = [tsc, "--ignoreConfig", ...options.split(" "), ...files];
    try {
      return execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  expect(check(program, leasing)).toBe("");
  expect(check('import { connect } from "gleaner"; (await connect()).invoke(7);')).toMatch(
    /TS2345.*'number'.*'string'/,
  );
});

test("calls the functions of the gleanerd that the configuration names", () => {
  const of = (value: unknown): PayloadText => ({
    contentType: "application/json",
    text: JSON.stringify(value),
  });
  const inputs: PayloadText[] = [];
  const error = { type: "ValueError", message: "bad", stack: null };
  world.answers["POST /v1/calls"] = ({ body }) => {
    const isSum = body.function === "sum";
    return { body: { id: isSum ? 7 : 8, invocation: null, answer: null } };
  };
  const outcome = (task: number, answer: object) => ({
    ...{ task, state: "COMPLETED", reason: null, answer },
  });
  world.answers["GET /v1/invocations/7/outcomes"] = () => ({
    body: { outcomes: [outcome(0, { kind: "result", payload: of(3) })] },
  });
  world.answers["GET /v1/invocations/8/outcomes"] = () => ({
    body: { outcomes: [{ ...outcome(0, { kind: "exception", error }), state: "FAILED" }] },
  });
  world.answers["POST /v1/maps/stream"] = (request) => {
    const sent = streamedMap(request).inputs;
    inputs.push(...sent);
    return { body: { id: 100 + inputs.length - sent.length, tasks: sent.length } };
  };
  for (const id of [100, 102])
    world.answers[`GET /v1/maps/${id}/results`] = () => {
      const tasks = id === 100 ? [0, 1] : [0];
      const square = (task: number) => Number(inputs[id - 100 + task]!.text) ** 2;
      const payload = (task: number) => ({ kind: "result", payload: of(square(task)) });
      const results = tasks.map((task) => outcome(task, payload(task)));
      return { body: { results, next: tasks.length, isComplete: true } };
    };
  return expect(run(program)).resolves.toEqual({
    ...{ sum: 3, squares: [1, 4, 9], failed: false, type: "ValueError" },
    ...{ isTheirs: true, isOurs: false },
  });
});

test("calls a leased worker directly", async () => {
  const code = { "index.mjs": "export default (input) => input ** 2;" };
  const worker = await startServing("node", code, { worker: "7.1" });
  const lease = {
    ...{ id: 7, user: "ada", function: "ada/square", state: "ACTIVE", revision: 1, wanted: 1 },
    ...{ reason: null, waiting: 0, expiresInMs: 5_000, timeLimitMs: 60_000 },
    workers: [{ ...worker.endpoint, node: "n1" }],
  };
  world.answers["POST /v1/leases"] = () => ({ body: lease });
  // gleanerd is away: the lease goes on until it is ended.
  world.answers["GET /v1/leases/7"] = () => "cut";
  world.answers["POST /v1/leases/7/renew"] = () => ({ body: { expiresInMs: 5_000, revision: 1 } });
  world.answers["POST /v1/leases/7/end"] = () => ({ body: { state: "ENDED" } });
  try {
    await expect(run(leasing)).resolves.toEqual({
      ...{ state: "ACTIVE", worker: "7.1", one: 49, squares: [1, 4, 9], after: "ENDED" },
    });
  } finally {
    await stopServing();
  }
  expect(world.requests.map(({ url }) => url)).toContain("/v1/leases/7/end");
});

/** The program without its types, in a process of its own: the daemon is in this one. */
async function run(text: string): Promise<unknown> {
  const { transformSync } = await import("esbuild");
  const { code } = transformSync(text, { loader: "ts", format: "esm" });
  writeFileSync(join(project, "program.mjs"), code);
  const { execFile } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const options = { cwd: project, env: world.environment };
    execFile(process.execPath, ["program.mjs"], options, (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout)) : reject(new Error(stderr)),
    );
  });
}
