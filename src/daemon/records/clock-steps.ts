// Tells that the wall clock was set while gleanerd runs, which keeps the time that it had at its
// start: begin times, deadlines and Slurm's reservations are then early or late by the difference.

import type { Logger } from "pino";
import { wallStepMs } from "../../clock.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import { Rounds } from "./rounds.js";

const everyMs = 60_000;
/** Slurm has whole seconds, and leap seconds happen. */
const noticedMs = 5_000;

/** null if gleanerd's time is that of its machine. */
function problemOf(stepMs: number): string | null {
  if (Math.abs(stepMs) < noticedMs) return null;
  const seconds = Math.round(Math.abs(stepMs) / 1_000);
  const direction = stepMs > 0 ? "forward" : "back";
  return `the clock of this machine was set ${direction} by ${seconds} s since gleanerd started, which keeps to the earlier one: restart gleanerd (what runs on nodes goes on)`;
}

export class ClockSteps extends Rounds {
  private said: string | null = null;

  constructor(private readonly log: Pick<Logger, "warn">) {
    super(everyMs);
  }

  /** A clock that stays as it is is told once. */
  protected async work(): Promise<void> {
    const problem = problemOf(wallStepMs());
    if (problem !== null && problem !== this.said) this.log.warn(problem);
    this.said = problem;
  }
}

/** Nothing as long as the clock is right. */
export function checkClock(): DoctorCheck[] {
  const problem = problemOf(wallStepMs());
  return problem === null ? [] : [{ name: "clock", status: "warning", detail: problem }];
}
