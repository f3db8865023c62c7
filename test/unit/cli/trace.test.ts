// `glean trace`: the trace-event JSON, its rows, and where it goes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { TraceEvent } from "../../../src/cli/trace-events.js";
import { invocationId } from "../../../src/model/ids.js";
import { expectSentence, gleanWorld, invocation, listOf } from "../../support/glean.js";
import { sampleAttempt } from "../../support/store/samples.js";

const world = gleanWorld();
const glean = (...args: string[]) => world.start(["trace", ...args]).end;

const at = 1_700_000_000_000;
const phases = { fetchMs: 10, startMs: 20, loadMs: 30, runMs: 40 };
const ran = (number: number, node: string, from: number, to: number, change: object = {}) => ({
  ...sampleAttempt(invocationId(1), number),
  ...{ node, startedAtMs: at + from, endedAtMs: at + to, wallMs: to - from - 10 },
  ...{ state: "COMPLETED", phases: null, ...change },
});

function knows(id: number, attempts: object[]) {
  const known = invocation({ id, name: "tile", state: "COMPLETED", submittedAtMs: at });
  world.answers[`GET /v1/invocations/${id}`] = () => ({
    body: { invocation: known, submission: {}, attempts },
  });
  return known;
}

test("has a process for each node and the queue, and rows for what ran at once", async () => {
  const evicted = ran(1, "n2", 5, 105, { state: "EVICTED", phases });
  const first = knows(42, [evicted, ran(2, "n1", 200, 300)]);
  const second = knows(43, [ran(1, "n2", 50, 150)]);
  world.answers["GET /v1/invocations"] = () => listOf(first, second);
  const { status, stdout } = await glean("42", "43");
  expect(status).toBe(0);
  expect(world.requests.at(-3)?.url).toContain("ids=42%2C43");
  const { traceEvents } = JSON.parse(stdout) as { traceEvents: TraceEvent[] };
  const names = traceEvents.filter(({ ph }) => ph === "M").map(({ pid, args }) => [pid, args]);
  expect(names).toEqual([
    [1, { name: "queue" }],
    [2, { name: "n1" }],
    [3, { name: "n2" }],
  ]);
  const onNode = traceEvents.filter(({ pid, ph }) => pid === 3 && ph !== "M");
  expect(onNode.map(({ name, tid, ts, dur }) => [name, tid, ts / 1_000 - at, dur])).toEqual([
    ["42 tile", 1, 5, 100_000],
    ["fetch", 1, 5, 10_000],
    ["start", 1, 15, 20_000],
    ["import", 1, 35, 30_000],
    ["run", 1, 65, 40_000],
    ["evicted", 1, 105, undefined],
    ["43 tile", 2, 50, 100_000],
    ["placed", 2, 50, 10_000],
    ["run", 2, 60, 90_000],
  ]);
  const waits = traceEvents.filter(({ pid, ph }) => pid === 1 && ph === "X");
  expect(waits.map(({ name }) => name)).toEqual(["42 tile", "42 tile again", "43 tile"]);
});

test("asks for what ended lately and writes it into a file", async () => {
  world.answers["GET /v1/invocations"] = () => listOf(knows(42, [ran(1, "n1", 5, 50)]));
  const { status, stdout } = await glean("--last", "10m", "-u", "ada", "--output", "trace.json");
  expect([status, stdout]).toEqual([0, ""]);
  const { url } = world.requests.find(({ url }) => url.startsWith("/v1/invocations?"))!;
  expect(url).toMatch(/sinceMs=\d{13}&user=ada/);
  expect(JSON.parse(readFileSync(join(world.home, "trace.json"), "utf8"))).toMatchObject({
    displayTimeUnit: "ms",
  });
});

test("wants ids or a time, and says when there is nothing", async () => {
  expectSentence(await glean(), 2, /name ids, or give --last with a time such as 10m/);
  expectSentence(await glean("42", "--last", "1m"), 2, /name ids, or give --last/);
  world.answers["GET /v1/invocations"] = () => listOf();
  expectSentence(await glean("42"), 1, /there is nothing to trace/);
});
