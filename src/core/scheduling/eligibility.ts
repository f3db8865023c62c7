// Decides what a submission waits for beside a place, in Slurm's words: it is held, depends on
// others, or begins later.

import { dependencyText } from "../../model/dependency.js";
import type { Condition, Schedule } from "../../model/invocation.js";

/** What is known of the invocations that a condition names. */
export interface Standing {
  /** Whether one of them has not ended. */
  readonly isOpen: boolean;
  /** Whether one of them ended otherwise than as COMPLETED. */
  readonly hasFailed: boolean;
  /** When the last of them began; null while one has not begun. */
  readonly begunAtMs: number | null;
}

/** `atMs`: met from then on. */
export type Verdict = "met" | "open" | "never" | { readonly atMs: number };

/** Whether what a condition names has done what it asks. */
export function verdictOf({ kind, delayMs = 0 }: Condition, standing: Standing): Verdict {
  const { isOpen, hasFailed, begunAtMs } = standing;
  switch (kind) {
    case "after":
      if (begunAtMs === null) return isOpen ? "open" : "met";
      return delayMs === 0 ? "met" : { atMs: begunAtMs + delayMs };
    case "afterany":
    case "singleton":
      return isOpen ? "open" : "met";
    case "afterok":
    case "aftercorr":
      if (isOpen) return "open";
      return hasFailed ? "never" : "met";
    case "afternotok":
      if (isOpen) return "open";
      return hasFailed ? "met" : "never";
  }
}

/** All conditions together, or the first that is met. */
export function together(verdicts: readonly Verdict[], any: boolean, nowMs: number): Verdict {
  const at = verdicts.map((each): Verdict => (isReached(each, nowMs) ? "met" : each));
  const [decisive, other] = any ? (["met", "never"] as const) : (["never", "met"] as const);
  if (at.includes(decisive)) return decisive;
  if (at.every((each) => each === other)) return other;
  const later = at.flatMap((each) => (typeof each === "object" ? [each.atMs] : []));
  return later.length === 0 ? "open" : { atMs: Math.min(...later) };
}

const isReached = (verdict: Verdict, nowMs: number): boolean =>
  typeof verdict === "object" && verdict.atMs <= nowMs;

/** Slurm's name of a reason to wait. */
export type WaitReason =
  | "JobHeldUser"
  | "DependencyNeverSatisfied"
  | "Dependency"
  | "BeginTime"
  | "JobArrayTaskLimit";

export interface Barrier {
  readonly reason: WaitReason;
  /** When it may be gone; null: not by time alone. */
  readonly untilMs: number | null;
}

/** What a submission waits for; null: only for a place. The first reason counts, as in Slurm. */
export function barrierOf(
  { held, beginAtMs = 0 }: Schedule,
  dependency: Verdict,
  nowMs: number,
): Barrier | null {
  const barriers: readonly (Barrier & { readonly isUp: boolean })[] = [
    { reason: "JobHeldUser", isUp: held === true, untilMs: null },
    { reason: "DependencyNeverSatisfied", isUp: dependency === "never", untilMs: null },
    {
      reason: "Dependency",
      isUp: dependency !== "met" && !isReached(dependency, nowMs),
      untilMs: typeof dependency === "object" ? dependency.atMs : null,
    },
    { reason: "BeginTime", isUp: beginAtMs > nowMs, untilMs: beginAtMs },
  ];
  const up = barriers.find(({ isUp }) => isUp);
  return up === undefined ? null : { reason: up.reason, untilMs: up.untilMs };
}

/** The last moment to start; null without a deadline. */
export const lastStartMs = (
  { deadlineAtMs }: Schedule,
  { timeLimitMs }: { readonly timeLimitMs: number },
): number | null => (deadlineAtMs === undefined ? null : deadlineAtMs - timeLimitMs);

/** For listings: Slurm's word, and a sentence where there is more to say. */
export function describeBarrier(reason: WaitReason, schedule: Schedule): string {
  switch (reason) {
    case "JobHeldUser":
      return "JobHeldUser: its owner holds it: release it with glean release";
    case "DependencyNeverSatisfied":
      return `DependencyNeverSatisfied: ${dependencyText(schedule)} can never be satisfied: cancel it`;
    case "Dependency":
      return `Dependency: it waits for ${dependencyText(schedule)}`;
    case "BeginTime":
      return `BeginTime: it begins at ${new Date(schedule.beginAtMs!).toISOString()}`;
    case "JobArrayTaskLimit":
      return `JobArrayTaskLimit: ${schedule.mostRunning} tasks of its array run at most at once`;
  }
}
