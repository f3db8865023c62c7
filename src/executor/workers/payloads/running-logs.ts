// What the calls that run here have printed so far, for gleanerd when somebody looks.

import { attemptName } from "../../../wire/attempt-key.js";
import type { AttemptKey, ExecutorMessage } from "../../../wire/messages.js";

export class RunningLogs {
  private readonly printed = new Map<string, () => Uint8Array | null>();

  constructor(private readonly say: (message: ExecutorMessage) => void) {}

  open(key: AttemptKey, printed: () => Uint8Array | null): void {
    this.printed.set(attemptName(key), printed);
  }

  close(key: AttemptKey): void {
    this.printed.delete(attemptName(key));
  }

  /** A call that does not run here has printed nothing. */
  tell(key: AttemptKey): void {
    const bytes = this.printed.get(attemptName(key))?.() ?? new Uint8Array();
    this.say({ type: "logSoFar", key, bytes });
  }
}
