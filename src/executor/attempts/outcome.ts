// Determines how an attempt ended, from glean-spawn's report and our own actions.

import { constants } from "node:os";
import { sentenceOf } from "../../model/call.js";
import { counted } from "../../model/counted.js";
import { errnoOf, GleanerError, messageOf } from "../../model/errors.js";
import type { AttemptEnd } from "../../model/invocation.js";
import type { AttemptOrder, AttemptReport } from "../../wire/messages.js";
import { signalText } from "../../workers/signal-text.js";
import type { RunEnd, WorkUsage } from "../runtimes/runtime.js";
import type { GivenNotice } from "./notices.js";

/** Why we ended an attempt, and when we sent the first signal. */
export interface Ending {
  readonly end: Extract<AttemptEnd, "EVICTED" | "TIMEOUT" | "CANCELLED">;
  readonly reason: string;
  readonly atNs: bigint;
  /** EVICTED because another call of its user had to be killed with the worker of both. */
  readonly isOwnDoing?: boolean;
}

export type Outcome = Omit<AttemptReport, "invocation" | "attempt" | "agoMs">;

/** The outcome of an attempt whose command never ran or whose end is unknown. */
export const notStarted = (end: AttemptEnd, reason: string, wallMs = 0): Outcome => ({
  end,
  reason,
  exitCode: null,
  signal: null,
  wallMs,
  cpuMs: 0,
  maxRssMb: 0,
});

/**
 * The outcome of an attempt that the node could not prepare: it has no room for our own programs,
 * or could not create a cgroup.
 */
export function unprepared(thrown: unknown): Outcome {
  const message = messageOf(thrown);
  if (thrown instanceof GleanerError)
    return {
      ...notStarted("FAILED", message),
      startFailure: { stage: "code", errno: errnoOf(thrown.cause) },
    };
  return {
    ...notStarted("FAILED", `the node could not create a cgroup: ${message}`),
    startFailure: { stage: "join", errno: errnoOf(thrown) },
  };
}

/**
 * The outcome of an attempt whose processes hang in the kernel; the time after SIGKILL is not
 * billed.
 */
export const hungOutcome = (ending: Ending | null, wallMs: number): Outcome => {
  const why = ending?.reason ?? "glean-spawn was killed";
  const reason = `${why}; its processes hang in the kernel, where SIGKILL does not end them`;
  return notStarted(ending?.end ?? "LOST", reason, ending === null ? 0 : wallMs);
};

/**
 * What ran until code of its own user ended its worker is billed, unlike an eviction: else a
 * function could work for nothing by ending its worker again and again.
 */
export function outcomeOf(
  end: RunEnd,
  order: Pick<AttemptOrder, "command" | "memoryMb" | "timeLimitMs">,
  ending: Ending | null,
  notice: GivenNotice | null = null,
): Outcome {
  const outcome = decided(end, order, ending, notice);
  const isOwnDoing =
    end.kind === "interrupted" ? end.isOwnDoing : ending?.isOwnDoing && outcome.wallMs > 0;
  return isOwnDoing && outcome.end === "EVICTED"
    ? { ...outcome, end: "FAILED", isInterrupted: true }
    : outcome;
}

/** A command that ended before our signal keeps its own end, decided by its exit status. */
function decided(
  end: RunEnd,
  order: Pick<AttemptOrder, "command" | "memoryMb" | "timeLimitMs">,
  ending: Ending | null,
  notice: GivenNotice | null,
): Outcome {
  switch (end.kind) {
    case "failed":
      if (ending !== null) return notStarted(ending.end, ending.reason);
      // It waited for a file that the user named, such as a FIFO without a reader: another node
      // would not help.
      if (end.errno === constants.errno.ETIMEDOUT && end.stage !== "start")
        return notStarted("FAILED", end.message, end.heldMs);
      return {
        ...notStarted("FAILED", end.message),
        // The exit status of a job whose program cannot be executed: 2 without its interpreter.
        ...(end.stage === "exec" && end.errno > 0 && { exitCode: end.errno }),
        startFailure: { stage: end.stage, errno: end.errno },
      };
    case "withdrawn":
      return outcomeOfWithdrawn(end.message, ending);
    case "answered":
    case "unanswered":
    case "interrupted":
      return outcomeOfCall(end, order, ending);
    case "served":
      return outcomeOfLease(end, ending);
    case "vanished":
      return notStarted(ending?.end ?? "LOST", ending?.reason ?? end.message);
    case "ended": {
      const isOurs = ending !== null && end.endNs >= ending.atNs;
      const verdict = isOurs
        ? ofOwnTime(ending, order, end)
        : (endAfter(notice, end) ?? ownEnd(end, order));
      const wallMs = Number((end.endNs - end.startNs) / 1_000_000n);
      const isCrash = !isOurs && verdict.reason !== null;
      return {
        end: verdict.end,
        reason: isCrash ? `${verdict.reason}${beside(end)}` : reasonOf(verdict, end),
        exitCode: end.signal === 0 ? end.exitCode : null,
        signal: end.signal === 0 ? null : end.signal,
        wallMs,
        ...shareOf(end, wallMs),
        cpuMs: end.cpuMs,
        maxRssMb: end.maxRssMb,
      };
    }
  }
}

const shareOf = ({ shareMs }: RunEnd, wallMs: number): Pick<Outcome, "shareMs"> =>
  shareMs === undefined ? {} : { shareMs: Math.min(shareMs, wallMs) };

/** A time limit that is over before the handler was called is no fault of the handler. */
const reasonOf = <Reason extends string | null>(
  { end, reason }: { readonly end: AttemptEnd; readonly reason: Reason },
  { unready }: RunEnd,
): Reason | string =>
  end === "TIMEOUT" && unready !== undefined ? `${reason} ${unready}` : reason;

/** Any of the calls in a worker may have ended it. */
const beside = ({ others = 0 }: RunEnd): string =>
  others === 0 ? "" : ` (its worker had ${counted(others, "other call")} in it)`;

/**
 * The time limit of a call's start counts from its order. If less than half of that was its
 * worker's, its code was late, or the executor stood still: another node may be quicker.
 */
function ofOwnTime(
  ending: Ending,
  { command, timeLimitMs }: Pick<AttemptOrder, "command" | "timeLimitMs">,
  { startNs }: WorkUsage,
): Pick<Ending, "end" | "reason"> {
  const ownMs = Number(ending.atNs - startNs) / 1e6;
  if (ending.end !== "TIMEOUT" || command.kind !== "call" || ownMs >= timeLimitMs / 2)
    return ending;
  return { end: "EVICTED", reason: `${ending.reason} before its worker started` };
}

/** Nothing of the user's ran: if its code was late, its time was not its own. */
function outcomeOfWithdrawn(message: string, ending: Ending | null): Outcome {
  if (ending === null) return notStarted("EVICTED", message);
  const { end, reason } = ending;
  if (end !== "TIMEOUT") return notStarted(end, reason);
  return notStarted("EVICTED", `${reason} before its worker started`);
}

/** An answer that came before our signal stands. */
function outcomeOfCall(
  end: Extract<RunEnd, { kind: "answered" | "unanswered" | "interrupted" }>,
  order: Pick<AttemptOrder, "command" | "memoryMb" | "timeLimitMs">,
  ending: Ending | null,
): Outcome {
  const { startNs, endNs, cpuMs, maxRssMb } = end;
  const wallMs = Number((endNs - startNs) / 1_000_000n);
  const used = { signal: null, wallMs, ...shareOf(end, wallMs), cpuMs, maxRssMb };
  if (ending !== null && endNs >= ending.atNs) {
    const verdict = ofOwnTime(ending, order, end);
    return { ...used, end: verdict.end, reason: reasonOf(verdict, end), exitCode: null };
  }
  if (end.kind === "unanswered")
    return { ...used, end: "FAILED", reason: end.message, exitCode: 1 };
  if (end.kind === "interrupted")
    return { ...used, end: "EVICTED", reason: end.message, exitCode: null };
  const { answer } = end;
  // As for a command, whatever it made of the death of a process: its result may be half of one.
  if (end.oomKills > 0) {
    const own = answer.kind === "result" ? "" : `; its own error was: ${sentenceOf(answer.error)}`;
    const verdict = outOfMemory(order, end);
    const exitCode = verdict.end === "EVICTED" ? null : 1;
    return { ...used, ...verdict, reason: `${verdict.reason}${own}`, exitCode };
  }
  if (answer.kind === "result")
    return { ...used, end: "COMPLETED", reason: null, exitCode: 0, answer };
  const why = answer.kind === "notLoaded" ? "its code could not be loaded: " : "";
  const reason = `${why}${sentenceOf(answer.error)}${beside(end)}`;
  return { ...used, end: "FAILED", reason, exitCode: 1, answer };
}

/** Serving ends because somebody asks for it: no failure, unless its time limit was reached. */
function outcomeOfLease(
  { startNs, endNs, cpuMs, maxRssMb, reason }: Extract<RunEnd, { kind: "served" }>,
  ending: Ending | null,
): Outcome {
  const wallMs = Number((endNs - startNs) / 1_000_000n);
  const used = { signal: null, wallMs, cpuMs, maxRssMb };
  if (ending !== null && ending.end !== "CANCELLED")
    return { ...used, end: ending.end, reason: ending.reason, exitCode: null };
  return { ...used, end: "COMPLETED", reason: reason ?? ending?.reason ?? null, exitCode: 0 };
}

/**
 * The end that follows from a notice; null if the notice does not matter. A command that leaves
 * after an eviction notice still has work to do, unless it exits with 0. A command that dies of the
 * signal after a time limit notice ran out of time.
 */
function endAfter(
  notice: GivenNotice | null,
  end: Extract<RunEnd, { kind: "ended" }>,
): { end: AttemptEnd; reason: string } | null {
  if (notice === null || end.endNs < notice.atNs) return null;
  if (notice.untilNs !== null && end.endNs > notice.untilNs) return null;
  if (end.oomKills > 0 || end.brokenProcessLimit !== null) return null;
  if (notice.cause === "timeLimit")
    return end.signal === notice.signal ? { end: "TIMEOUT", reason: notice.reason } : null;
  const isDone = end.signal === 0 && end.exitCode === 0;
  return isDone ? null : { end: "EVICTED", reason: `it left after its notice: ${notice.reason}` };
}

/** Where jobs take the memory of a node, the kernel kills a function in their favour. */
function outOfMemory(
  { command, memoryMb }: Pick<AttemptOrder, "command" | "memoryMb">,
  { maxRssMb, nodeWasFull }: Pick<WorkUsage, "maxRssMb" | "nodeWasFull">,
): { end: "OUT_OF_MEMORY" | "EVICTED"; reason: string } {
  const limit = `its limit of ${memoryMb} MB (peak ${maxRssMb} MB)`;
  if (nodeWasFull)
    return {
      end: "EVICTED",
      reason: `the kernel killed it, within ${limit}, because its node had no memory left for functions`,
    };
  const advice = command.kind === "call" ? "deploy the function" : "resubmit it";
  if (nodeWasFull === false)
    return {
      end: "OUT_OF_MEMORY",
      reason: `the kernel killed it for want of memory, within ${limit}, although its node has some left: look for files in a shared tmpfs such as /tmp or /dev/shm and for a memory policy (numactl), or ${advice} with a larger --mem`,
    };
  return {
    end: "OUT_OF_MEMORY",
    reason: `it used more memory than ${limit}: ${advice} with a larger --mem`,
  };
}

function ownEnd(
  end: Extract<RunEnd, { kind: "ended" }>,
  order: Pick<AttemptOrder, "command" | "memoryMb">,
): { end: AttemptEnd; reason: string | null } {
  if (end.oomKills > 0) return outOfMemory(order, end);
  if (end.brokenProcessLimit !== null)
    return {
      end: "FAILED",
      reason: `it exceeded ${end.brokenProcessLimit} processes and threads, the limit for its number of cores`,
    };
  if (end.signal !== 0)
    return { end: "FAILED", reason: `it was killed by ${signalText(end.signal)}` };
  return { end: end.exitCode === 0 ? "COMPLETED" : "FAILED", reason: null };
}
