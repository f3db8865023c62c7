// What a node can know of an attempt that it holds: figures held against the order, the limits and gleanerd's own clock.

import type { AttemptEnd } from "../../model/invocation.js";
import type { Resources } from "../../model/resources.js";

/** What a node says of an attempt's end. */
export interface EndFigures {
  readonly end: AttemptEnd;
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
  readonly agoMs: number;
}

/** What gleanerd knows of it. */
export interface KnownOrder {
  readonly cores: number;
  readonly memoryMb: number;
  readonly timeLimitMs: number;
  /** From the time limit's notice to the limit; 0: no notice was asked for. */
  readonly leadMs: number;
  /** SIGTERM to SIGKILL. */
  readonly killWaitMs: number;
  /** Since the order was sent, by gleanerd's own clock. */
  readonly elapsedMs: number;
  /** null: nobody can say, an earlier gleanerd may have asked. */
  readonly isCancelled: boolean | null;
}

/**
 * Clocks of two machines differ, and gleanerd's own stands still while its machine is suspended. A node that says a
 * little too much is not accused: what is billed never exceeds gleanerd's own clock.
 */
const graceMs = 60_000;
const driftShare = 0.01;
/** A command that the kernel lets nobody kill, on a node that hangs. Nobody pays for what came later. */
const overtimeMs = 120_000;

/** From the order to the first instruction at most (executor/runtimes/glean-spawn.ts), and what a slow machine adds. */
const startMs = 60_000;

/**
 * How long after its order an attempt may be held: then its executor has to have told of an end.
 * `mayStandStill`: where jobs are pinned, attempts stand still between a prolog and the next order,
 * and their time limits with them; no more than half of the time is granted for that.
 */
export const longestHeldMs = (
  { timeLimitMs, killWaitMs }: Pick<KnownOrder, "timeLimitMs" | "killWaitMs">,
  mayStandStill: boolean,
): number =>
  (startMs + timeLimitMs * (mayStandStill ? 2 : 1) + killWaitMs + overtimeMs) * (1 + driftShare) +
  graceMs;

/** Why a node cannot mean what it says; null: it can. */
export function doubtOfEnd(said: EndFigures, known: KnownOrder): string | null {
  const { end, wallMs, exitCode, signal } = said;
  const { elapsedMs, timeLimitMs, leadMs } = known;
  const mostMs = elapsedMs * (1 + driftShare) + graceMs;
  if (wallMs > mostMs || said.agoMs > mostMs)
    return `it took ${wallMs} ms and ended ${said.agoMs} ms ago, and was ordered ${elapsedMs} ms ago`;
  if (end === "COMPLETED" && (exitCode !== 0 || signal !== null))
    return `it is COMPLETED with exit code ${exitCode} and signal ${signal}`;
  if (end === "CANCELLED" && known.isCancelled === false)
    return "it is CANCELLED, and nobody asked for that";
  if (end === "TIMEOUT" && elapsedMs < timeLimitMs - leadMs - graceMs)
    return `it is over its time limit of ${timeLimitMs} ms, and was ordered ${elapsedMs} ms ago`;
  return null;
}

/** What of it is recorded and billed: no more than can be. */
export function boundedEnd<Said extends EndFigures>(said: Said, known: KnownOrder): Said {
  const { timeLimitMs, killWaitMs, elapsedMs, cores, memoryMb } = known;
  const wallMs = Math.min(said.wallMs, elapsedMs, timeLimitMs + killWaitMs + overtimeMs);
  return {
    ...said,
    wallMs,
    cpuMs: Math.min(said.cpuMs, wallMs * cores),
    maxRssMb: Math.min(said.maxRssMb, memoryMb),
    agoMs: Math.min(said.agoMs, elapsedMs - wallMs),
  };
}

/** Why a node cannot have this budget when it was never ordered more than `most`; null: it can. */
export function doubtOfBudget(said: Resources, most: Resources): string | null {
  const unknown = said.gpus.filter((gpu) => !most.gpus.includes(gpu));
  if (said.cores <= most.cores && said.memoryMb <= most.memoryMb && unknown.length === 0)
    return null;
  return `it may use ${amount(said)}, and was ordered ${amount(most)} at most`;
}

const amount = ({ cores, memoryMb, gpus }: Resources): string =>
  `${cores} cores, ${memoryMb} MB and ${gpus.length} GPUs`;
