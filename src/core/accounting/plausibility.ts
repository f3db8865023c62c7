// Checks what a node reports about an attempt against the order, the limits and gleanerd's own
// clock.

import { counted } from "../../model/counted.js";
import type { AttemptEnd } from "../../model/invocation.js";
import type { Resources } from "../../model/resources.js";

/** A node's report of the end of an attempt. */
export interface EndFigures {
  readonly end: AttemptEnd;
  readonly isInterrupted?: boolean | undefined;
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly wallMs: number;
  readonly shareMs?: number | undefined;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly agoMs: number;
}

/** What gleanerd itself knows about the attempt. */
export interface KnownOrder {
  readonly cores: number;
  readonly memoryMb: number;
  /** The highest and the lowest that its node may go by. */
  readonly timeLimitMs: number;
  readonly leastLimitMs: number;
  readonly isCall: boolean;
  /** The time from the notice to the time limit; 0 if no notice was requested. */
  readonly leadMs: number;
  /** The time from SIGTERM to SIGKILL. */
  readonly killWaitMs: number;
  /** The time since the order was sent, by gleanerd's clock. */
  readonly elapsedMs: number;
  /** null if unknown, because an earlier gleanerd may have asked. */
  readonly isCancelled: boolean | null;
}

/**
 * The clocks of two machines differ, and gleanerd's own stops while its machine is suspended.
 * Slightly high reports are therefore not suspect: billing never exceeds gleanerd's own clock.
 */
const graceMs = 60_000;
const driftShare = 0.01;
/**
 * Allows for a command that the kernel cannot kill, on a node that hangs. Nobody pays for that
 * time.
 */
const overtimeMs = 120_000;

/**
 * The longest time from the order to the first instruction, 30 s in
 * executor/runtimes/spawn-request.ts, plus an allowance for slow machines.
 */
const startMs = 60_000;

/** The start of a call's worker may take as long as the time limit, and then the call itself. */
const mostLimitedMs = ({ timeLimitMs, isCall }: Pick<KnownOrder, "timeLimitMs" | "isCall">) =>
  timeLimitMs * (isCall ? 2 : 1);

/**
 * How long after its order an attempt may run before its executor must have reported an end. If
 * `mayStandStill`, jobs are pinned, and attempts and their time limits stop between a prolog and
 * the next order; at most half of the time is allowed for that.
 */
export const longestHeldMs = (
  known: Pick<KnownOrder, "timeLimitMs" | "killWaitMs" | "isCall">,
  mayStandStill: boolean,
): number => {
  const limitedMs = mostLimitedMs(known) * (mayStandStill ? 2 : 1);
  return (startMs + limitedMs + known.killWaitMs + overtimeMs) * (1 + driftShare) + graceMs;
};

/** Why a node's report cannot be true; null if it can. */
export function doubtOfEnd(said: EndFigures, known: KnownOrder): string | null {
  const { end, wallMs, exitCode, signal } = said;
  const { elapsedMs, leastLimitMs, leadMs } = known;
  const mostMs = elapsedMs * (1 + driftShare) + graceMs;
  if (wallMs > mostMs || said.agoMs > mostMs)
    return `it reportedly took ${wallMs} ms and ended ${said.agoMs} ms ago, but was ordered ${elapsedMs} ms ago`;
  if (end === "COMPLETED" && (exitCode !== 0 || signal !== null))
    return `it is reported as COMPLETED with exit code ${exitCode} and signal ${signal}`;
  if (said.isInterrupted && end !== "FAILED") return `it is reported as interrupted, but as ${end}`;
  if (end === "CANCELLED" && known.isCancelled === false)
    return "it is reported as CANCELLED, but nobody cancelled it";
  if (end === "TIMEOUT" && elapsedMs < leastLimitMs - leadMs - graceMs)
    return `it reportedly reached its time limit of ${leastLimitMs} ms, but was ordered ${elapsedMs} ms ago`;
  return null;
}

/** The part of the report that is recorded and billed: never more than is possible. */
export function boundedEnd<Said extends EndFigures>(
  said: Said,
  known: Omit<KnownOrder, "leastLimitMs" | "leadMs" | "isCancelled">,
): Said {
  const { killWaitMs, elapsedMs, cores, memoryMb } = known;
  const wallMs = Math.min(said.wallMs, elapsedMs, mostLimitedMs(known) + killWaitMs + overtimeMs);
  return {
    ...said,
    wallMs,
    ...(said.shareMs !== undefined && { shareMs: Math.min(said.shareMs, wallMs) }),
    cpuMs: Math.min(said.cpuMs, wallMs * cores),
    maxRssMb: Math.min(said.maxRssMb, memoryMb),
    agoMs: Math.min(said.agoMs, elapsedMs - wallMs),
  };
}

/** Why a node cannot have this budget if it was never ordered more than `most`; null if it can. */
export function doubtOfBudget(said: Resources, most: Resources): string | null {
  const unknown = said.gpus.filter((gpu) => !most.gpus.includes(gpu));
  if (said.cores <= most.cores && said.memoryMb <= most.memoryMb && unknown.length === 0)
    return null;
  return `it reportedly may use ${amount(said)}, but was ordered at most ${amount(most)}`;
}

const amount = ({ cores, memoryMb, gpus }: Resources): string =>
  `${counted(cores, "core")}, ${memoryMb} MB and ${counted(gpus.length, "GPU")}`;
