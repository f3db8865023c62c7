// gleanerd killed with -9 at each step of a deploy, a call, a map and a transfer of 64 MiB, with
// real executors and workers: nothing is lost, and nothing happens twice.

import { randomBytes, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { codeOf, type FunctionCode } from "../support/executor/function-code.js";
import { type PaperSite, paperSite, persistently } from "../support/site/paper.js";

jest.setTimeout(120_000);
const mapped = 20;
const megabyte = 2 ** 20;
let at: PaperSite;
/** One line for each time that a handler began. */
let began: string;

beforeAll(async () => {
  at = await paperSite();
  began = join(at.work, "began");
  await at.deploy("f", await handler(""), randomUUID());
});
afterAll(() => at?.stop());

const handler = (more: string): Promise<FunctionCode> =>
  codeOf({
    "index.mjs": `import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
export default async (input, { callId }) => {
  appendFileSync(${JSON.stringify(began)}, callId + "\\n");
  await pause(50);
  return input;
}`,
    more,
  });

/** Kills gleanerd once `isReached`, starts it again, and returns what came of the work. */
async function through<T>(isReached: () => boolean, work: () => Promise<T>): Promise<T> {
  const done = persistently(work);
  done.catch(() => {});
  while (!isReached()) await pause(1);
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  return done;
}

const ended = () => at.count("SELECT count(*) FROM invocation WHERE ended_at_ms IS NOT NULL");
const running = () => at.count("SELECT count(*) FROM attempt WHERE state = 'RUNNING'");

/** Of contents that gleanerd is receiving. */
function arrivedBytes(): number {
  const folder = join(at.site.files.state, "blobs", "new");
  const sizes = readdirSync(folder).map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return Math.max(0, ...sizes);
}

type Step = readonly [what: string, isReached: () => () => boolean];
/** A count has grown since the work began. */
const grown = (sql: string) => () => {
  const before = at.count(sql);
  return () => at.count(sql) > before;
};
const blobs = "SELECT count(*) FROM blob";
const recorded = "SELECT count(*) FROM submission";

test.each<Step>([
  ["is received", () => () => arrivedBytes() > megabyte],
  ["is on disk", grown(blobs)],
  ["is a version", grown("SELECT count(*) FROM function_version")],
])("a deploy, when its bundle %s", async (what, isReached) => {
  const code = await handler(randomBytes(20 * megabyte).toString("latin1"));
  const requestId = randomUUID();
  await through(isReached(), () => at.deploy("g", code, requestId));
  const { versions } = await at.client.functions.show({ owner: null, name: "g" }, "latest");
  expect(versions.filter(({ version }) => version === code.version)).toHaveLength(1);
  expect(await at.gleaner.invoke("g", { what })).toEqual({ what });
});

test.each<Step>([
  ["is recorded", grown(recorded)],
  ["runs", () => () => running() > 0],
  ["has ended", grown("SELECT count(*) FROM posting")],
])("a call, when it %s", async (what, isReached) => {
  const requestId = randomUUID();
  const answer = await through(isReached(), () => at.gleaner.invoke("f", { what }, { requestId }));
  expect(answer).toEqual({ what });
});

test.each<Step>([
  ["is recorded", grown(recorded)],
  [
    "has ended in part",
    () => {
      const before = ended();
      return () => ended() > before + mapped / 4;
    },
  ],
])("a map, when it %s", async (_what, isReached) => {
  const inputs = Array.from({ length: mapped }, (_, at) => ({ at }));
  const values: unknown[] = [];
  await through(isReached(), async () => {
    for await (const result of at.gleaner.map("f", inputs)) values.push(result.ok && result.value);
  });
  expect(values).toEqual(inputs);
});

test.each<Step>([
  ["input arrives", () => () => arrivedBytes() > 16 * megabyte],
  ["call runs", () => () => running() > 0],
  ["result arrives", () => () => running() > 0 && arrivedBytes() > 16 * megabyte],
  ["result is recorded", grown("SELECT count(*) FROM posting")],
])("64 MiB there and back, when the %s", async (_what, isReached) => {
  const input = randomBytes(64 * megabyte);
  const requestId = randomUUID();
  const output = await through(isReached(), () => at.gleaner.invoke("f", input, { requestId }));
  expect(input.equals(output as Buffer)).toBe(true);
});

test("after which each call ran once, and is billed once", async () => {
  const calls = readFileSync(began, "utf8").trimEnd().split("\n");
  expect(new Set(calls).size).toBe(calls.length);
  expect(ended()).toBe(calls.length);
  expect(at.count("SELECT count(*) FROM invocation WHERE state = 'COMPLETED'")).toBe(calls.length);
  expect(at.count("SELECT count(*) FROM posting")).toBe(calls.length);
  await at.site.gleanOrThrow(["bill", "--verify"]);
});
