// How a call ended whose worker ended before it answered, or could not be started for a want of its
// node: no room for its code, no tool for its image, or no image.

import { errnoOf, GleanerError, messageOf } from "../../model/errors.js";
import { answerOfExit, type Progress } from "../../workers/answers.js";
import { imageFailure } from "../../workers/image-command.js";
import type { RunEnd } from "../runtimes/runtime.js";

export function endOfCall(
  end: RunEnd,
  running: { readonly startNs: bigint | null; readonly cpuMsBefore: number },
  progress: Progress,
  isInputLost: boolean,
): RunEnd {
  if (end.kind !== "ended") return end;
  const failedStart = failedStartOf(end, progress);
  if (failedStart !== null) return failedStart;
  const startNs = running.startNs ?? end.startNs;
  const cpuMs = Math.max(0, end.cpuMs - running.cpuMsBefore);
  const { endNs, maxRssMb } = end;
  const used = { startNs, endNs, cpuMs, maxRssMb, oomKills: end.oomKills };
  const isOverLimit = end.oomKills > 0 || end.brokenProcessLimit !== null;
  if (isInputLost) return { kind: "unanswered", message: progress.broken!.message, ...used };
  const answer = isOverLimit ? null : answerOfExit(end, progress);
  return answer === null ? { ...end, startNs, cpuMs } : { kind: "answered", answer, ...used };
}

/** Its code, or the program that runs it, is not there: another node may have room for it. */
export function endWithoutCode(thrown: unknown): RunEnd {
  const message = `its code could not be brought to its node: ${messageOf(thrown)}`;
  // The connection was lost, or gleanerd had ended the call already.
  const isOver = thrown instanceof GleanerError && overCodes.has(thrown.code);
  if (isOver) return { kind: "withdrawn", message };
  return { kind: "failed", stage: "code", errno: errnoOf(thrown), message, heldMs: 0 };
}
const overCodes: ReadonlySet<GleanerError["code"]> = new Set(["UNREACHABLE", "NOT_FOUND"]);

/** Another node may have what the image needs; null if this is no such end. */
function failedStartOf(
  { exitCode, signal, startNs, endNs }: Extract<RunEnd, { kind: "ended" }>,
  { hasRuntime, image }: Progress,
): RunEnd | null {
  if (hasRuntime || image === null || signal !== 0) return null;
  const failure = imageFailure(image, exitCode);
  if (failure === null) return null;
  const heldMs = Number((endNs - startNs) / 1_000_000n);
  return { kind: "failed", stage: "exec", ...failure, heldMs };
}
