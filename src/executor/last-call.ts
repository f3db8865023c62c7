// Whose end is a command's own? In a pilot Slurm's SIGTERM reaches commands too, and may end them before this process has heard of it.
//
// Slurm sends every process of the job SIGCONT first, and SIGTERM to none before all had that. So when a command's end is handled, and
// signals that came before it are handled too, then no SIGCONT means that no SIGTERM was its cause.

import { setImmediate, setTimeout } from "../clock.js";
import type { Outcome } from "./outcome.js";

/** From Slurm's SIGCONT to its SIGTERM pass milliseconds; after so long it was somebody else's. */
const warnedMs = 1_000;

type Tell = (outcome: Outcome) => void;

/** What stands between a command's end and its report. */
export type PassOn = (outcome: Outcome, tell: Tell) => void;

/** Where nobody but us ends commands. */
export const atOnce: PassOn = (outcome, tell) => tell(outcome);

export class LastCall {
  #state: "calm" | "warned" | "taken" = "calm";
  #reason = "";
  #held: { readonly outcome: Outcome; readonly tell: Tell }[] = [];

  /** Tells how a command ended: in the next turns of the loop, or, when Slurm seems to take the job, once that is sure. */
  readonly pass: PassOn = (outcome, tell) => {
    // A signal's handler has run before this turn; that it is heard takes another turn, and a timer's or a file's turn is not one.
    setImmediate(() => setImmediate(() => this.#decide(outcome, tell)));
  };

  #decide(outcome: Outcome, tell: Tell): void {
    if (this.#state === "calm") tell(outcome);
    else if (this.#state === "warned") this.#held.push({ outcome, tell });
    else tell({ ...outcome, end: "EVICTED", reason: this.#reason });
  }

  /** SIGCONT came. */
  warned(): void {
    if (this.#state !== "calm") return;
    this.#state = "warned";
    setTimeout(() => {
      if (this.#state === "warned") this.#settle("calm");
    }, warnedMs).unref();
  }

  /** SIGTERM came: what ended since the warning was ended by Slurm. */
  taken(reason: string): void {
    this.#reason = reason;
    this.#settle("taken");
  }

  #settle(state: "calm" | "taken"): void {
    this.#state = state;
    const held = this.#held;
    this.#held = [];
    for (const { outcome, tell } of held) this.#decide(outcome, tell);
  }
}
