// The simulation can fail over functions and their calls, too: it finds what is broken on purpose.

import { afterEach, test } from "@jest/globals";
import {
  mustFind,
  patienceMs,
  undoChanges,
  withChanged,
  withPatched,
} from "../faults/find-planted.js";
import { calm } from "../faults/mix.js";
import { plantedInCalls } from "../faults/planted-calls.js";
import { runSeed } from "../faults/seed.js";

afterEach(undoChanges);

test.each(plantedInCalls)(
  "found: $what",
  async ({ sabotage, shows, often }) => {
    await mustFind(shows, runSeed, sabotage, often);
  },
  patienceMs,
);

type Call = typeof import("../../src/model/call.js");

test(
  "finds that a worker of one user takes another user's call",
  async () => {
    const run = await withChanged<Call>("../../src/model/call.js", ({ workerKey }) => ({
      workerKey: (kind) => workerKey({ ...kind, uid: 0 }),
    }));
    await mustFind(/ran as/, run);
  },
  patienceMs,
);

test(
  "finds that a worker of one version takes another version's call",
  async () => {
    const run = await withChanged<Call>("../../src/model/call.js", ({ workerKey }) => ({
      workerKey: (kind) => workerKey({ ...kind, version: "any" as typeof kind.version }),
    }));
    await mustFind(/of version .* ran in/, run);
  },
  patienceMs,
);

type Queue = typeof import("../../src/daemon/state/queue-figures.js");

test(
  "finds that min-warm starts workers although some start already",
  async () => {
    const run = await withChanged<Queue>("../../src/daemon/state/queue-figures.js", () => ({
      callsOf: () => ({ open: 0, waiting: 0 }),
    }));
    await mustFind(/start at once for a min-warm of/, run);
  },
  patienceMs,
);

type Worker = typeof import("../../src/executor/workers/worker.js");

test(
  "finds that an evicted call ends with what its worker said before it was dead",
  async () => {
    const run = await withPatched<Worker>("../../src/executor/workers/worker.js", ({ Worker }) => {
      const killable = Worker.prototype as unknown as { wasKilled(): void };
      const { wasKilled } = killable;
      killable.wasKilled = function () {
        wasKilled.call(this);
        Object.assign(this, { isKilled: false });
      };
    });
    const others = { submit: 0, lease: 0, deploy: 0, cancel: 0, changeLimit: 0 };
    const often = { ...calm, ...others, submitJob: 60, call: 40, map: 40, nothing: 20 };
    await mustFind(/its part of its worker was/, run, { hearsLate: true }, often);
  },
  patienceMs,
);

type Unrecorded = typeof import("../../src/daemon/state/unrecorded.js");

test(
  "finds that a call is recorded before its large result is on disk",
  async () => {
    const path = "../../src/daemon/state/unrecorded.js";
    const run = await withPatched<Unrecorded>(path, ({ UnrecordedCall }) => {
      UnrecordedCall.prototype.end = function (id, end) {
        this.ends.set(id, end);
      };
    });
    await mustFind(
      /is not there|is missing|the store refused/,
      run,
      {},
      { call: 60, killDaemon: 20 },
    );
  },
  patienceMs,
);
