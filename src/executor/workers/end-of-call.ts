// How a call ended whose worker ended before it answered, or could not be started for a want of its
// node: no room for its code, no tool for its image, or no image.

import { constants } from "node:os";
import { pause } from "../../clock.js";
import { errnoOf, GleanerError, messageOf } from "../../model/errors.js";
import { answerOfExit, beforeReady, type Progress } from "../../workers/answers.js";
import { imageFailure } from "../../workers/image-command.js";
import type { Sending } from "../../workers/outgoing.js";
import type { AttemptGroup } from "../containment/containment.js";
import { emptyPollMs } from "../containment/emptying.js";
import type { RunEnd, WorkUsage } from "../runtimes/runtime.js";
import type { Seat } from "./seats/seat.js";
import type { WorkerMeter } from "./seats/worker-meter.js";

type EndedRun = Extract<RunEnd, { kind: "ended" }>;

/** What is known of the call and of its worker. */
interface Ended {
  readonly end: RunEnd;
  readonly progress: Progress;
  /** How far its input was. */
  readonly sending: Sending;
  /** It had not begun, and the worker was started for another call. */
  readonly waitedForStart: boolean;
  /** How many calls were in the worker beside it. */
  readonly others: number;
  /** The other call whose handler ended the process; null if none said so. */
  readonly endedBy: string | null;
  readonly usedUntil: (last: WorkUsage) => WorkUsage;
}

function endOfCall({ end, progress, usedUntil, ...call }: Ended): RunEnd {
  if (call.waitedForStart)
    return { kind: "withdrawn", message: "the worker that it was to share did not start" };
  if (end.kind !== "ended") return end;
  const failedStart = failedStartOf(end, progress);
  if (failedStart !== null) return failedStart;
  const { startNs, endNs, cpuMs, maxRssMb, oomKills, nodeWasFull } = end;
  const used = usedUntil({ startNs, endNs, cpuMs, maxRssMb, oomKills, nodeWasFull });
  const { sending, others, endedBy } = call;
  const interrupted = (message: string, isOwnDoing: boolean): RunEnd => {
    return { kind: "interrupted", message, isOwnDoing, ...used };
  };
  if (endedBy !== null) return interrupted(`${endedBy} ended the worker that it shared`, true);
  if (progress.broken?.code === "LEFT_LATE") return interrupted(progress.broken.message, true);
  const isInputLost = progress.broken?.code === "INPUT";
  if (isInputLost && others > 0 && sending !== "begun") {
    const why = "its worker was ended because the input of another call could not be sent";
    return interrupted(why, false);
  }
  if (isInputLost) return { kind: "unanswered", message: progress.broken!.message, ...used };
  const isUnsent = progress.hasLoaded && sending !== "sent";
  if (isUnsent && others > 0 && !wasKilledFromOutside(end, progress))
    return interrupted("another call ended its worker before its input had arrived", true);
  const isOverLimit = end.oomKills > 0 || end.brokenProcessLimit !== null;
  const answer = isOverLimit ? null : answerOfExit(end, progress);
  const unready = beforeReady(progress);
  const beside = { ...(others > 0 && { others }), ...(unready !== null && { unready }) };
  if (answer === null) return { ...end, ...used, ...beside };
  return { kind: "answered", answer, ...used, ...beside };
}

/** For a job, say, or by whoever may send signals to it. */
const wasKilledFromOutside = (
  { signal, oomKills, nodeWasFull = false }: EndedRun,
  { broken }: Progress,
): boolean =>
  signal === constants.signals.SIGKILL &&
  (oomKills === 0 || nodeWasFull) &&
  (broken === null || broken.code === "CLOSED");

/**
 * Ends the calls that are left in a worker. `starter`: it was started for that one. `endedBy`: that
 * one ended the process.
 */
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
        sending: seat.work.sending,
        waitedForStart: !seat.hasBegun && seat !== starter,
        endedBy: endedBy === seat ? null : (endedBy?.name ?? null),
        usedUntil: (last) => meter.usedBy(seat.metered, last),
      }),
    );
}

/** Its code, or the program that runs it, is not there: another node may have room for it. */
export function endWithoutCode(thrown: unknown): RunEnd {
  const message = `its code could not be brought to its node: ${messageOf(thrown)}`;
  // The connection was lost, or gleanerd had ended the call already.
  const isOver = thrown instanceof GleanerError && overCodes.has(thrown.code);
  if (isOver) return { kind: "withdrawn", message };
  const errno = errnoOf(thrown instanceof GleanerError ? thrown.cause : thrown);
  return { kind: "failed", stage: "code", errno, message, heldMs: 0 };
}
const overCodes: ReadonlySet<GleanerError["code"]> = new Set(["UNREACHABLE", "NOT_FOUND"]);

/** Another node may have what the image needs; null if this is no such end. */
function failedStartOf(
  { exitCode, signal, startNs, endNs }: EndedRun,
  { hasRuntime, image }: Progress,
): RunEnd | null {
  if (hasRuntime || image === null || signal !== 0) return null;
  const failure = imageFailure(image, exitCode);
  if (failure === null) return null;
  const heldMs = Number((endNs - startNs) / 1_000_000n);
  return { kind: "failed", stage: "exec", ...failure, heldMs };
}

/** A process that stood by for it may be in its group and dying: a job waits for that, too. */
export async function endUnstarted(
  group: Pick<AttemptGroup, "isEmpty">,
  end: (how: RunEnd) => void,
): Promise<void> {
  while (!group.isEmpty()) await pause(emptyPollMs);
  end({ kind: "withdrawn", message: "it was ended before its worker started" });
}
