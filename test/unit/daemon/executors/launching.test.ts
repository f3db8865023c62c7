// When the time limit of an executor that should connect begins: not while it waits for its turn,
// and not if it is already there.

import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { parseConfig } from "../../../../src/config.js";
import {
  Launching,
  type LaunchingDependencies,
} from "../../../../src/daemon/executors/launching.js";
import type { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { GleanerError } from "../../../../src/model/errors.js";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import { newState } from "../../../support/daemon/state.js";
import { facts, node } from "../../../support/nouns.js";

const budget = {
  budget: { ...node(), gpus: [] },
  seenHookSequence: 0,
  knownJobs: [],
} as unknown as Parameters<Launching["start"]>[1];

function started(there = node()) {
  const { events, registry } = newState();
  const said: string[] = [];
  const specs: LaunchSpec[] = [];
  let settle: { done(): void; fail(): void } = { done: () => {}, fail: () => {} };
  const launched = new Promise<void>((resolve, reject) => {
    settle = {
      done: resolve,
      fail: () => reject(new GleanerError("LAUNCH", "it cannot be reached")),
    };
  });
  const launching = new Launching({
    config: parseConfig({}, "the defaults"),
    launcher: {
      launch: (_node: string, _address: string, _id: string, input: string) => {
        said.push("launched");
        specs.push(JSON.parse(input) as LaunchSpec);
        return launched;
      },
    },
    registry,
    events,
    newName: () => "12ab34cd",
    store: { saveExecutor: async () => {} },
    secrets: { ofExecutor: () => "secret" },
    log: pino({ enabled: false }),
    startMs: 15_000,
    expect: (_: ExecutorRecord, withinMs: number) => said.push(`within ${withinMs}`),
    gone: async (_: ExecutorRecord, reason: string) => void said.push(reason),
  } as unknown as LaunchingDependencies);
  launching.start(there, budget, facts);
  return { said, specs, settle, record: registry.all()[0]! };
}
const allElse = () => new Promise((resolve) => setImmediate(resolve));

test("the time limit for connecting begins when the process was started", async () => {
  const { said, settle } = started();
  await allElse();
  expect(said).toEqual(["launched"]);
  settle.done();
  await allElse();
  expect(said).toEqual(["launched", "within 15000"]);
});

test("an executor that connects before the launcher answers gets no time limit", async () => {
  const { said, settle, record } = started();
  await allElse();
  record.become("starting");
  record.become("ready");
  settle.done();
  await allElse();
  expect(said).toEqual(["launched"]);
});

test("a failed start is reported at once", async () => {
  const { said, settle } = started();
  await allElse();
  settle.fail();
  await allElse();
  expect(said).toEqual(["launched", "it cannot be reached"]);
});

test("an executor that was given up while it was recorded is not launched", async () => {
  const { said, record } = started();
  record.become("gone");
  await allElse();
  expect(said).toEqual([]);
});

test.each([
  ["24.11.5", "/var/spool/slurmd"],
  ["25.05.0", null],
  ["26.05.5", null],
  // That of the controller, 22.05.
  [null, "/var/spool/slurmd"],
])("slurmd %s keeps its CPU numbering in %p", async (version, topologyFolder) => {
  const { specs } = started(node({ version }));
  await allElse();
  expect(specs).toMatchObject([{ topologyFolder }]);
});
