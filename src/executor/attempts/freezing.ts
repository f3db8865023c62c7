// Freezes functions while the cores of a new job are unknown, waits until they are frozen, and
// excludes that time from run time.

import { clearTimeout, monotonicMs, pause, type Timer } from "../../clock.js";
import type { AttemptGroup } from "../containment/containment.js";
import type { RunHandle } from "../runtimes/runtime.js";
import type { Outcome } from "./outcome.js";

const freezePollMs = 1;

/** The periods in which one attempt was frozen. */
export class FrozenTime {
  private readonly spans: { fromMs: number; toMs: number | null }[] = [];

  get isOn(): boolean {
    return this.spans.at(-1)?.toMs === null;
  }

  begin(): void {
    this.spans.push({ fromMs: monotonicMs(), toMs: null });
  }

  end(): void {
    this.spans.at(-1)!.toMs = monotonicMs();
  }

  /** The remainder of a limit that counts from `fromMs`, excluding frozen time. */
  leftOf(limitMs: number, fromMs: number): number {
    return Math.max(0, limitMs - (monotonicMs() - fromMs - this.sinceMs(fromMs)));
  }

  /** Frozen milliseconds since `momentMs`. */
  sinceMs(momentMs: number): number {
    const now = monotonicMs();
    return this.spans.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, (toMs ?? now) - Math.max(fromMs, momentMs)),
      0,
    );
  }
}

/** The part of an attempt that freezing needs. */
export interface Freezable {
  readonly group: AttemptGroup;
  readonly frozen: FrozenTime;
  readonly isEnding: boolean;
  /** Runs its time limit or, if it is ending, the wait before SIGKILL. */
  readonly timer: Timer | undefined;
  readonly handle: Pick<RunHandle, "stopped"> | null;
}

/** Users pay only for the time that their functions ran. */
export function withoutFrozenTime(outcome: Outcome, frozen: FrozenTime): Outcome {
  const wallMs = Math.max(0, Math.ceil(outcome.wallMs - frozen.sinceMs(0)));
  const { shareMs } = outcome;
  return shareMs === undefined
    ? { ...outcome, wallMs }
    : { ...outcome, wallMs, shareMs: Math.min(shareMs, wallMs) };
}

/**
 * The kernel freezes processes within a tick or two, or on a busy node when they are next
 * scheduled. Resolves with false if some, also of those that `holdOthers` freezes, are not frozen
 * within `patienceMs` or cannot be; the others stay frozen.
 */
export async function freezeAll(
  attempts: readonly Freezable[],
  holdOthers: () => readonly AttemptGroup[],
  patienceMs: number,
): Promise<boolean> {
  const startedMs = monotonicMs();
  for (const { frozen, handle, isEnding, timer } of attempts) {
    if (frozen.isOn) continue;
    if (!isEnding) clearTimeout(timer);
    frozen.begin();
    handle?.stopped?.(true);
  }
  const own = attempts.map(({ group }) => group);
  try {
    for (const group of own) group.freeze(true);
    const groups = [...own, ...holdOthers()];
    while (!groups.every((group) => group.isFrozen)) {
      if (monotonicMs() - startedMs > patienceMs) return false;
      await pause(freezePollMs);
    }
    return true;
  } catch {
    return false;
  }
}

/** Returns false if it was not frozen. */
export function thaw({ group, frozen, handle }: Freezable): boolean {
  if (!frozen.isOn) return false;
  frozen.end();
  handle?.stopped?.(false);
  try {
    group.freeze(false);
  } catch {
    // A group that is gone has nothing to resume.
  }
  return true;
}
