// How a call ended whose worker ended before it answered.

import { answerOfExit, type Progress } from "../../workers/answers.js";
import type { RunEnd } from "../runtimes/runtime.js";
import { failedStartOf } from "./failed-start.js";

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
  const used = { startNs, endNs, cpuMs, maxRssMb };
  const isOverLimit = end.oomKills > 0 || end.brokenProcessLimit !== null;
  if (isInputLost) return { kind: "unanswered", message: progress.broken!.message, ...used };
  const answer = isOverLimit ? null : answerOfExit(end, progress);
  return answer === null ? { ...end, startNs, cpuMs } : { kind: "answered", answer, ...used };
}
