// Whose end is a command's own? In a pilot Slurm's SIGTERM reaches commands too, and may end them before this process has heard of it.
//
// Slurm sends every process of the job SIGCONT first, and SIGTERM to none before all had that. So when a command's end is handled, and
// signals that came before it are handled too, then no SIGCONT means that no SIGTERM was its cause. Until that is known the attempt
// counts as one that runs: SIGTERM takes all of those.

import { setImmediate, setTimeout } from "../../clock.js";

/** From Slurm's SIGCONT to its SIGTERM pass milliseconds; after so long it was somebody else's. */
const warnedMs = 1_000;

/** What stands between a command's end and the attempt's: calls back when the end was the command's own. */
export type PassOn = (settle: () => void) => void;

/** Where nobody but us ends commands. */
export const atOnce: PassOn = (settle) => settle();

export class PreemptSignal {
  private isWarned = false;
  private held: (() => void)[] = [];

  /** Settles an end in the next turns of the loop, or, when Slurm seems to take the job, once it is sure that it did not. */
  readonly pass: PassOn = (settle) => {
    // A signal's handler has run before this turn; that it is heard takes another turn, and a timer's or a file's turn is not one.
    setImmediate(() =>
      setImmediate(() => {
        if (this.isWarned) this.held.push(settle);
        else settle();
      }),
    );
  };

  /** SIGCONT came. */
  warned(): void {
    if (this.isWarned) return;
    this.isWarned = true;
    setTimeout(() => {
      this.isWarned = false;
      for (const settle of this.held.splice(0)) settle();
    }, warnedMs).unref();
  }
}
