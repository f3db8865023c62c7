// What gleanerd knows of a run: how it ended, why it waits. gleanerd may be away for a while.

import { clearTimeout, setTimeout, type Timer } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import { type Invocation, isFinal } from "../../model/invocation.js";
import { type GleanerClient, patiently } from "../../sdk/index.js";

/** How long a run waits in silence. */
const noticeAfterMs = 3_000;

/**
 * Resolves with the ended invocation; null once `signal` is aborted. `isNeeded`: whether the run
 * needs gleanerd; while its tasks are connected it goes on without.
 */
export async function untilEnded(
  client: GleanerClient,
  id: string,
  isNeeded: () => boolean,
  signal: AbortSignal,
): Promise<Invocation | null> {
  const gaveUp = `gleanerd did not answer for 10 minutes; job ${id} may still be in the queue: later, run glean cancel ${id}`;
  while (!signal.aborted)
    try {
      const { invocations } = await patiently(() => client.wait(id, signal), gaveUp, signal);
      const [invocation] = invocations;
      if (invocation === undefined)
        throw new GleanerError("NOT_FOUND", `gleanerd no longer knows ${id}: run glean acct`);
      if (isFinal(invocation.state)) return invocation;
    } catch (thrown) {
      if (signal.aborted) return null;
      const isAway = thrown instanceof GleanerError && thrown.code === "UNREACHABLE";
      if (!isAway || isNeeded()) throw thrown;
    }
  return null;
}

export interface WaitSettings {
  readonly quiet: boolean;
  /** How long it may wait; null: as long as it takes. */
  readonly immediateMs: number | null;
}

/** The time until a run has a place: says once why it waits, and may give up. */
export class WaitForPlace {
  /** Whether the user was told. */
  hasSpoken = false;
  private timers: Timer[] = [];

  constructor(
    private readonly client: GleanerClient,
    private readonly settings: WaitSettings,
    private readonly say: (sentence: string) => void,
    private readonly giveUp: (sentence: string) => void,
  ) {}

  begin(id: string): void {
    const { quiet, immediateMs } = this.settings;
    this.end();
    this.hasSpoken = false;
    if (!quiet)
      this.after(noticeAfterMs, id, (why) => this.tell(`job ${id} waits for a hole${why}`));
    if (immediateMs !== null)
      this.after(immediateMs, id, (why) =>
        this.giveUp(`job ${id} could not start within ${immediateMs} ms${why}`),
      );
  }

  end(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
  }

  private tell(sentence: string): void {
    this.hasSpoken = true;
    this.say(sentence);
  }

  /** Adds the reason in gleanerd's words. */
  private after(ms: number, id: string, action: (why: string) => void): void {
    const timer = setTimeout(
      () =>
        void this.why(id).then((why) => {
          if (why !== null && this.timers.includes(timer)) action(why);
        }),
      ms,
    );
    this.timers.push(timer);
  }

  /** null: it has its place, and its node will connect. */
  private async why(id: string): Promise<string | null> {
    try {
      const { invocation } = await this.client.detail(id);
      if (invocation.state !== "PENDING") return null;
      const { lines } = await this.client.explain(id);
      return lines[0] === undefined ? "" : `: ${lines[0]}`;
    } catch {
      // The run goes on without the reason.
      return "";
    }
  }
}
