// Decides whether a pilot's command exited by itself or Slurm terminated it: Slurm's SIGTERM
// reaches commands too, and may end them before this process has handled its own.
//
// Slurm sends SIGCONT to every process of the job first, and SIGTERM only once all have had
// SIGCONT. So if a command's end and all earlier signals have been handled and there was no
// SIGCONT, the cause was not SIGTERM. Until that is certain, the attempt counts as running, because
// SIGTERM takes all running attempts.

import { setImmediate, setTimeout } from "../../clock.js";

/**
 * Slurm's SIGTERM follows its SIGCONT within milliseconds; a SIGCONT older than this had another
 * sender.
 */
const warnedMs = 1_000;

/** Stands between a command's end and the attempt's: calls back if the command ended by itself. */
export type PassOn = (settle: () => void) => void;

/** For executors in which only we end commands. */
export const atOnce: PassOn = (settle) => settle();

export class PreemptSignal {
  private isWarned = false;
  private held: (() => void)[] = [];

  /**
   * Settles an end in one of the next turns of the event loop, or, if Slurm seems to take the job,
   * once it is certain that it does not.
   */
  readonly pass: PassOn = (settle) => {
    // A signal's C handler has run before this turn; its JavaScript handler takes another turn, and
    // a timer or file turn is not one.
    setImmediate(() =>
      setImmediate(() => {
        if (this.isWarned) this.held.push(settle);
        else settle();
      }),
    );
  };

  /** Slurm's SIGCONT arrived. */
  warned(): void {
    if (this.isWarned) return;
    this.isWarned = true;
    setTimeout(() => {
      this.isWarned = false;
      for (const settle of this.held.splice(0)) settle();
    }, warnedMs).unref();
  }
}
