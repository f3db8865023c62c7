// Replays a trace of calls of functions under several ways of keeping workers warm.

import { perfectKnowledge } from "./perfect.js";
import type { FunctionTrace, SkippedLines } from "./trace.js";
import { type KeepAlive, type WorkerCosts, WorkerReplay, type WorkerSums } from "./workers.js";

export interface ReplaySettings extends WorkerCosts {
  readonly keepAlive: KeepAlive;
}

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
  const replays = 3;
  let done = 0;
  const replay = (how: KeepAlive): WorkerSums =>
    new WorkerReplay(trace.functions, how, costs).run(trace.lengthMs, () => {
      if (++done % 10_000 === 0) onProgress(done / (replays * trace.calls));
    });
  const fixed = (idleTimeoutMs: number): WorkerSums =>
    replay({ ...keepAlive, idleTimeoutMs, minWarm: 0 });
  const figuresOf = (policy: KeepAliveFigures["policy"], sums: WorkerSums): KeepAliveFigures => {
    const { coldStarts, firstUses, startedAhead, idleMbMs } = sums;
    const coldStartShare = coldStarts / trace.calls;
    const idleMbSeconds = idleMbMs / 1_000;
    return { policy, coldStarts, coldStartShare, firstUses, startedAhead, idleMbSeconds };
  };
  const { calls, functions, lengthMs, skipped } = trace;
  const policies = [
    figuresOf("gleaner", replay(keepAlive)),
    figuresOf("fixedKeepAlive", fixed(keepAlive.keepAliveMs)),
    figuresOf("noKeepAlive", fixed(0)),
    figuresOf("perfectKnowledge", perfectKnowledge(functions, costs)),
  ];
  return { calls, functions: functions.length, lengthMs, settings, policies, skipped };
}
