// How a process ended that the executor did not start itself: from its zombie, which stays until
// its parent asks for it.

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { hasEnded } from "../../../model/process-stat.js";
import type { ChildEnd } from "../../../wire/worker/messages.js";
import type { AttemptGroup } from "../../containment/containment.js";
import { readProcessStat } from "../../node/processes.js";

const signalMask = 0x7f;
const killBit = 1n << BigInt(constants.signals.SIGKILL - 1);
const usPerMs = 1_000;

/** null while it runs; "gone" if nothing is left that could tell. */
export function endOf(pid: number): ChildEnd | "gone" | null {
  const stat = readProcessStat(pid);
  if (stat === null || stat.state === "X") return "gone";
  if (!hasEnded(stat)) return null;
  return { exitCode: stat.exitStatus >> 8, signal: stat.exitStatus & signalMask };
}

/** false as soon as it was killed: on a busy node it may be a while until it is gone. */
export function lives(pid: number): boolean {
  const status = read(`/proc/${pid}/status`);
  const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)];
  const isKilled = pending.some(([, mask]) => (BigInt(`0x${mask}`) & killBit) !== 0n);
  // A process that is ending has given up its memory.
  return status.includes("\nVmRSS:") && !isKilled;
}

/** What all processes of the group have used since it was made. */
export function cpuMsOfGroup({ killFile }: AttemptGroup): number {
  const text = read(join(dirname(killFile ?? "/"), "cpu.stat"));
  return Math.round(Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / usPerMs);
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
