// A call that is to run on this machine, what happens meanwhile, and its end.

import type { SourceEntry } from "../bundle/pack.js";
import type { CallAnswer, InlinePayload } from "../model/call.js";
import type { FunctionSettings } from "../model/functions/settings.js";
import type { VersionId } from "../model/ids.js";

export interface LocalCall {
  /** For people: `ada/tile`. */
  readonly called: string;
  readonly version: VersionId;
  readonly bundle: AsyncIterable<Uint8Array>;
  /** What was packed, if it lies on this machine. */
  readonly ownFiles?: readonly SourceEntry[] | undefined;
  readonly settings: FunctionSettings;
  readonly input: InlinePayload;
  /** The folder with the programs of the runtimes. */
  readonly programs: string;
  /** Under the language's debugger, and without a time limit. */
  readonly inspect: boolean;
  /** Loads the handler and does not call it. */
  readonly isCheck: boolean;
}

export interface LocalEvents {
  /** What the function prints. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** A sentence for the user. */
  readonly onNote: (sentence: string) => void;
  /** Ends the worker. */
  readonly signal: AbortSignal;
}

export interface LocalEnd {
  /** null if it was ended before it answered. */
  readonly answer: CallAnswer | null;
  /** Why there is no answer; else null. */
  readonly reason: string | null;
  /** In ms: startMs, loadMs, runMs, as far as it came. */
  readonly phases: Readonly<Record<string, number>>;
}
