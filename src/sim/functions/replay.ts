// Replays a trace of calls of functions under several ways of keeping workers warm.

import { perfectKnowledge } from "./perfect.js";
import type { FunctionCalls, FunctionTrace, SkippedLines } from "./trace.js";
import { type KeepAlive, type WorkerCosts, WorkerReplay, type WorkerSums } from "./workers.js";

export interface ReplaySettings extends WorkerCosts {
  readonly keepAlive: KeepAlive;
}

/** What other platforms do: every worker stays for 10 minutes after its last call. */
export const fixedKeepAliveMs = 600_000;

export interface KeepAliveFigures {
  readonly policy: "gleaner" | "fixedKeepAlive" | "noKeepAlive" | "perfectKnowledge";
  readonly coldStarts: number;
  readonly coldStartShare: number;
  /** Cold starts of workers that the function never had before. */
  readonly firstUses: number;
  readonly startedAhead: number;
  readonly idleMbSeconds: number;
}

export interface FunctionReplay {
  readonly calls: number;
  readonly functions: number;
  readonly lengthMs: number;
  readonly settings: ReplaySettings;
  readonly policies: readonly KeepAliveFigures[];
  readonly skipped: readonly SkippedLines[];
}

export function replayFunctions(
  trace: FunctionTrace,
  settings: ReplaySettings,
  onProgress: (share: number) => void = () => undefined,
): FunctionReplay {
  const { keepAlive, memoryMb, coldStartMs } = settings;
  const costs = { memoryMb, coldStartMs };
  const replay = (how: KeepAlive) => (calls: FunctionCalls) =>
    new WorkerReplay(calls, how, costs).run(trace.lengthMs);
  const fixed = (idleTimeoutMs: number) => replay({ worthMs: 0, idleTimeoutMs, minWarm: 0 });
  const ways: [KeepAliveFigures["policy"], (calls: FunctionCalls) => WorkerSums][] = [
    ["gleaner", replay(keepAlive)],
    ["fixedKeepAlive", fixed(fixedKeepAliveMs)],
    ["noKeepAlive", fixed(0)],
    ["perfectKnowledge", (calls) => perfectKnowledge(calls, costs)],
  ];
  let done = 0;
  const policies = ways.map(([policy, run]): KeepAliveFigures => {
    const total: WorkerSums = { coldStarts: 0, firstUses: 0, startedAhead: 0, idleMbMs: 0 };
    for (const calls of trace.functions) {
      add(total, run(calls));
      done += calls.startsMs.length;
      onProgress(done / (ways.length * trace.calls));
    }
    const { idleMbMs, ...counts } = total;
    const coldStartShare = total.coldStarts / trace.calls;
    return { policy, ...counts, coldStartShare, idleMbSeconds: idleMbMs / 1_000 };
  });
  const { calls, functions, lengthMs, skipped } = trace;
  return { calls, functions: functions.length, lengthMs, settings, policies, skipped };
}

function add(total: WorkerSums, one: WorkerSums): void {
  for (const key of ["coldStarts", "firstUses", "startedAhead", "idleMbMs"] as const)
    total[key] += one[key];
}
