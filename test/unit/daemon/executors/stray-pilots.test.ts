// Unknown pilots in Slurm's queue: those that are ending are left alone, those that stay are
// cancelled.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import { pilotName } from "../../../../src/core/capacity/pilots.js";
import { Pilots, type PilotsDependencies } from "../../../../src/daemon/executors/pilots.js";
import { executorId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import { newState } from "../../../support/daemon/state.js";
import { job, snapshot } from "../../../support/nouns.js";

const mark = { user: "ann", partition: "gleaner", instance: "0123abcd" };
const id = executorId("n1.12ab34cd");
let now: number;
let goBack: () => void;
let pilots: Pilots;
let withdrawn: string[];

beforeEach(() => {
  now = 0;
  goBack = useTime({ nowMs: () => now } as Time);
  withdrawn = [];
  pilots = new Pilots({
    mark,
    ...newState(),
    launcher: { withdraw: async (executor: string) => void withdrawn.push(executor) },
    log: pino({ enabled: false }),
  } as unknown as PilotsDependencies);
});
afterEach(() => goBack());

/** Slurm is read so long after the last time, and has the pilot in this state. */
function readAfter(passedMs: number, state: Job["state"]): void {
  now += passedMs;
  const { user, partition } = mark;
  const name = pilotName(mark.instance, id, 1_000);
  const pilot = job({ id: jobId(7), name, user, partition, state, nodes: [nodeName("n1")] });
  pilots.look(snapshot({ jobs: [pilot] }));
}

test("a pilot that has left, but that a slow slurmctld still shows as running, is not cancelled", () => {
  for (const passedMs of [0, 5_000, 5_000, 5_000, 5_000]) readAfter(passedMs, "RUNNING");
  readAfter(5_000, "COMPLETING");
  readAfter(60_000, "COMPLETED");
  expect(withdrawn).toEqual([]);
});

test("an unknown pilot that keeps running is cancelled, repeatedly if necessary", () => {
  for (const passedMs of [0, 29_999]) readAfter(passedMs, "RUNNING");
  expect(withdrawn).toEqual([]);
  readAfter(1, "RUNNING");
  expect(withdrawn).toEqual([id]);
  for (const passedMs of [5_000, 30_000]) readAfter(passedMs, "RUNNING");
  expect(withdrawn).toEqual([id, id]);
});

test("an unknown pilot that only waits is cancelled soon", () => {
  readAfter(0, "PENDING");
  expect(withdrawn).toEqual([]);
  readAfter(2_000, "PENDING");
  expect(withdrawn).toEqual([id]);
});
