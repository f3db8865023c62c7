// The simulation can fail over functions and their calls, too: it finds what is broken on purpose.

import { afterEach, test } from "@jest/globals";
import { mustFind, patienceMs, undoChanges, withChanged } from "../faults/find-planted.js";
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
    const run = await withChanged<Worker>("../../src/executor/workers/worker.js", (real) => ({
      Worker: class extends real.Worker {
        override kill(): void {
          super.kill();
          Object.assign(this, { isKilled: false });
        }
      },
    }));
    await mustFind(/is recorded with \d+ ms and took/, run);
  },
  patienceMs,
);
