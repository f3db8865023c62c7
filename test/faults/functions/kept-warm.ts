// What gleanerd told one executor to keep warm: its pool ends none of these workers for having been
// idle, only where something else needs their room.

import type { Workers } from "../../../src/executor/workers/workers.js";
import { workerKey } from "../../../src/model/call.js";
import type { World } from "../site/world.js";
import type { WorkerRun } from "./worker/run.js";

export class KeptWarm {
  private wanted: ReadonlyMap<string, number> = new Map();
  private readonly runs = new Set<WorkerRun>();
  /** The pool ends workers for others now. */
  private makesRoom = false;

  constructor(private readonly world: World) {}

  watch(workers: Workers): void {
    const keepWarm = workers.keepWarm.bind(workers);
    workers.keepWarm = (wanted) => {
      this.wanted = new Map(wanted.map((each) => [workerKey(each), each.count]));
      keepWarm(wanted);
    };
    workers.roomFor = this.makingRoom(workers.roomFor.bind(workers));
    workers.yieldTo = this.makingRoom(workers.yieldTo.bind(workers));
  }

  private makingRoom<Arguments extends unknown[], Made>(
    make: (...of: Arguments) => Made,
  ): (...of: Arguments) => Made {
    return (...of) => {
      this.makesRoom = true;
      try {
        return make(...of);
      } finally {
        this.makesRoom = false;
      }
    };
  }

  add(run: WorkerRun): void {
    this.runs.add(run);
  }

  /** Its pool is about to kill it. */
  ends(run: WorkerRun): void {
    if (!run.isIdle || this.makesRoom) return;
    const alike = [...this.runs].filter(({ pool, isIdle }) => isIdle && pool === run.pool).length;
    const wanted = this.wanted.get(run.pool) ?? 0;
    if (alike <= wanted)
      this.world.complain(`${run.name} ends, one of ${alike} idle ones, and ${wanted} are to stay`);
  }
}
