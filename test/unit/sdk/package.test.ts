// The npm package: packed, installed into an empty folder without a registry, typed, and called.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, jest, test } from "@jest/globals";
import { makePackage } from "../../../scripts/bundle/package.mjs";
import type { PayloadText } from "../../../src/wire/api/types.js";
import { gleanWorld, streamedMap } from "../../support/glean.js";

jest.setTimeout(120_000);
const world = gleanWorld();
let project: string;

beforeAll(async () => {
  const made = join(world.folder, "sdk");
  mkdirSync(made);
  await makePackage(made, "1.2.3");
  project = join(world.folder, "project");
  mkdirSync(project);
  const npm = (...args: string[]) =>
    execFileSync("npm", args, { cwd: project, encoding: "utf8", stdio: "pipe" });
  const archive = npm("pack", made, "--silent").trim();
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  npm("install", "--offline", "--no-audit", "--no-fund", `./${archive}`);
});

test("is installed alone, without anything that it would need", () => {
  const folder = join(project, "node_modules");
  expect(readdirSync(folder).filter((name) => !name.startsWith("."))).toEqual(["gleaner"]);
  const manifest = JSON.parse(readFileSync(join(folder, "gleaner/package.json"), "utf8"));
  expect(manifest).toMatchObject({ name: "gleaner", version: "1.2.3" });
  expect(manifest).not.toHaveProperty("dependencies");
});

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
  const check = (text: string): string => {
    writeFileSync(join(project, "program.ts"), text);
    const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
    const options = "--noEmit --strict --target ES2023 --lib ES2023,DOM --module NodeNext";
    const args = [tsc, "--ignoreConfig", ...options.split(" "), "program.ts"];
    try {
      return execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  expect(check(program)).toBe("");
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
  return expect(run()).resolves.toEqual({
    ...{ sum: 3, squares: [1, 4, 9], failed: false, type: "ValueError" },
    ...{ isTheirs: true, isOurs: false },
  });
});

/** The program without its types, in a process of its own: the daemon is in this one. */
async function run(): Promise<unknown> {
  const { transformSync } = await import("esbuild");
  const { code } = transformSync(program, { loader: "ts", format: "esm" });
  writeFileSync(join(project, "program.mjs"), code);
  const { execFile } = await import("node:child_process");
  return new Promise((resolve, reject) => {
    const options = { cwd: project, env: world.environment };
    execFile(process.execPath, ["program.mjs"], options, (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout)) : reject(new Error(stderr)),
    );
  });
}
