// Functions that stand still while it is not known which cores a new job has: made so, waited for, and not counted as run time.

import { clearTimeout, monotonicMs, pause, type Timer } from "../../clock.js";
import type { AttemptGroup } from "../containment/containment.js";
import type { Outcome } from "./outcome.js";

const freezePollMs = 1;

/** When one attempt stood still. */
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

  /** Of a limit that counts from a moment on: standing still takes nothing of it. */
  leftOf(limitMs: number, fromMs: number): number {
    return Math.max(0, limitMs - (monotonicMs() - fromMs - this.sinceMs(fromMs)));
  }

  /** Milliseconds of it since a moment. */
  sinceMs(momentMs: number): number {
    const now = monotonicMs();
    return this.spans.reduce(
      (sum, { fromMs, toMs }) => sum + Math.max(0, (toMs ?? now) - Math.max(fromMs, momentMs)),
      0,
    );
  }
}

/** What this needs to know of an attempt. */
export interface Freezable {
  readonly group: AttemptGroup;
  readonly frozen: FrozenTime;
  readonly isEnding: boolean;
  /** Its time limit or, when it is ending, its last moment. */
  readonly timer: Timer | undefined;
}

/** Users pay for what ran. */
export function withoutFrozenTime(outcome: Outcome, frozen: FrozenTime): Outcome {
  const wallMs = Math.max(0, Math.ceil(outcome.wallMs - frozen.sinceMs(0)));
  return { ...outcome, wallMs };
}

/**
 * The kernel stops what runs within a tick or two, or when it comes to run on a busy node. false: not all stand still within
 * `patienceMs`, or they cannot; those that do go on standing still.
 */
export async function freezeAll(
  attempts: readonly Freezable[],
  patienceMs: number,
): Promise<boolean> {
  const startedMs = monotonicMs();
  for (const { frozen, isEnding, timer } of attempts) {
    if (frozen.isOn) continue;
    if (!isEnding) clearTimeout(timer);
    frozen.begin();
  }
  const groups = attempts.map(({ group }) => group);
  try {
    for (const group of groups) group.freeze(true);
    while (!groups.every((group) => group.isFrozen)) {
      if (monotonicMs() - startedMs > patienceMs) return false;
      await pause(freezePollMs);
    }
    return true;
  } catch {
    return false;
  }
}

/** false: it did not stand still. A group that is gone has nothing to go on with. */
export function thaw({ group, frozen }: Freezable): boolean {
  if (!frozen.isOn) return false;
  frozen.end();
  try {
    group.freeze(false);
  } catch {}
  return true;
}
