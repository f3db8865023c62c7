// The daemon's state in memory as tests need it: nothing runs and nobody is there.

import { pino } from "pino";
import type { Assignment, Assignments } from "../../../src/daemon/state/assignments.js";
import { Events } from "../../../src/daemon/state/events.js";
import { LiveInvocations } from "../../../src/daemon/state/live.js";
import { Registry } from "../../../src/daemon/state/registry.js";
import type { SharedPlace } from "../../../src/daemon/state/shared-place.js";
import { type ExecutorId, invocationId } from "../../../src/model/ids.js";

export function newState() {
  const events = new Events(pino({ level: "silent" }));
  const live = new LiveInvocations(events);
  const { assignments } = live;
  return { events, live, assignments, registry: new Registry(assignments, events) };
}

/** No map came as a stream. */
export const noPacked = {
  read: async (): Promise<never> => {
    throw new Error("nothing was packed");
  },
};

/** An executor holds the first attempt of this invocation, whose order is not sent yet. */
export function give(
  assignments: Assignments,
  executor: ExecutorId,
  id = 1,
  change: Partial<Assignment> = {},
  place: SharedPlace | null = null,
): Assignment {
  const need = { cores: 1, memoryMb: 100, gpus: 0 };
  const attempt = { invocation: invocationId(id), attempt: 1, ordered: null };
  return assignments.begin({ ...attempt, ...need, executor, ...change }, place);
}
