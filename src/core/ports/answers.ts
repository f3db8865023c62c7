// What the store keeps of calls that have ended: answers, and what the calls printed.

import type { CallAnswer } from "../../model/call.js";
import type { InvocationId } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";

/** The logs of one caller. */
export interface LogFilter {
  readonly uid: number;
  /** The function's name, as its calls have it for this caller. */
  readonly name: string;
  /** Only those with larger numbers. */
  readonly after: number;
  readonly sinceMs: number;
}

export interface KeptLog {
  readonly number: number;
  /** 42 or 42_7. */
  readonly id: string;
  readonly endedAtMs: number;
  readonly body: Uint8Array;
}

/** The answer of one call of a map. */
export interface KeptAnswer {
  readonly invocation: InvocationId;
  readonly answer: CallAnswer;
}

/** How a task of a map ended; `answer`: null if it gave none, or it is kept no longer. */
export interface KeptEnd extends Pick<Invocation, "id" | "state" | "reason"> {
  readonly answer: CallAnswer | null;
}
