// Ends the calls that are left in a worker whose process is gone.

import type { Progress } from "../../../workers/answers.js";
import type { RunEnd } from "../../runtimes/runtime.js";
import { endOfCall } from "../end-of-call.js";
import type { Seat } from "./seat.js";
import type { WorkerMeter } from "./worker-meter.js";

/** `starter`: the worker was started for it. `endedBy`: it ended the process. */
export function endSeats(
  left: readonly Seat[],
  {
    end,
    progress,
    starter,
    endedBy,
    meter,
  }: {
    readonly end: RunEnd;
    readonly progress: Progress;
    readonly starter: Seat | null;
    readonly endedBy: Seat | null;
    readonly meter: Pick<WorkerMeter, "usedBy">;
  },
): void {
  for (const seat of left)
    seat.events.onEnd(
      endOfCall({
        ...{ end, progress, others: left.length - 1 },
        isSending: seat.work.isSending,
        waitedForStart: !seat.hasBegun && seat !== starter,
        endedBy: endedBy === seat ? null : (endedBy?.name ?? null),
        usedUntil: (last) => meter.usedBy(seat.metered, last),
      }),
    );
}
