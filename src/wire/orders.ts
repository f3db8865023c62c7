// What gleanerd orders an executor to do for an attempt: to run it, and to remove what it kept.

import type { Payload } from "../model/call.js";
import type { InvocationId } from "../model/ids.js";
import type { Notice } from "../model/invocation.js";
import type { PlaceRequest } from "../model/resources.js";
import type { AttemptKey } from "./attempt-key.js";
import type { CallCommand } from "./calls.js";

/**
 * All that an executor needs to run one attempt; patterns are already filled in. The executor
 * chooses the GPUs.
 */
export interface AttemptOrder extends AttemptKey, PlaceRequest {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly timeLimitMs: number;
  readonly workingDirectory: string;
  readonly stdoutPath: string;
  /** If equal to stdoutPath, both share one file. */
  readonly stderrPath: string;
  /** If omitted, /dev/null. */
  readonly stdinPath?: string | undefined;
  /** The free space that its folder for temporary files needs; if omitted, any. */
  readonly temporaryMb?: number | undefined;
  /** If omitted, truncate. */
  readonly openMode?: "append" | "truncate" | undefined;
  /** What was written to its outputs since then is kept; milliseconds since the epoch. */
  readonly keepSinceMs?: number | undefined;
  readonly umask?: number | undefined;
  /** Soft limits, as in `stack:unlimited`. */
  readonly limits?: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly command:
    | { readonly kind: "script"; readonly body: string; readonly args: readonly string[] }
    | { readonly kind: "argv"; readonly argv: readonly string[] }
    | AttachedCommand
    | CallCommand;
  /** null if none was requested. */
  readonly notice: Notice | null;
  /** Created as the user if missing, and kept when the attempt ends; null if none was requested. */
  readonly checkpointDirectory: string | null;
  /**
   * It has the place of that attempt, and begins when that has ended; at once if that is not there.
   */
  readonly after?: AttemptKey | undefined;
  /**
   * It gets a seat in the worker that was opened for that attempt and holds nothing beside it; a
   * place of its own if no call is in that worker any more.
   */
  readonly beside?: AttemptKey | undefined;
  /** For a call that is not on record: shown with its report to a restarted gleanerd. */
  readonly voucher?: Uint8Array | undefined;
}

/** A command whose streams are those of a client, to which its node connects. */
export interface AttachedCommand {
  readonly kind: "attached";
  readonly argv: readonly string[];
  /** How often it is started. */
  readonly tasks: number;
  readonly client: RunClient;
  /** Known to the client, too. */
  readonly key: Uint8Array;
}

/** Where the client of an attached command listens. */
export interface RunClient {
  readonly hosts: readonly string[];
  readonly port: number;
  readonly socket: string;
  readonly bootId: string;
}

/** An order for a worker. */
export type CallAttemptOrder = AttemptOrder & { readonly command: CallCommand };

/** A call that is ordered with the one before it; its attempt has the same number. */
export interface RunTask {
  readonly invocation: InvocationId;
  readonly input: Payload;
}

/**
 * Calls of one map for one place, one after another: `order` is that of the first, and the others
 * differ from it in their ids and inputs. Only for an executor that has said `takesRuns`.
 */
export interface StartRunMessage {
  readonly type: "startRun";
  readonly order: CallAttemptOrder;
  readonly rest: readonly RunTask[];
}

/** The orders of a run, each for the place of the one before it. */
export function ordersOfRun(
  order: CallAttemptOrder,
  rest: readonly RunTask[],
): readonly CallAttemptOrder[] {
  const { attempt } = order;
  let { invocation: before } = order;
  const others = rest.map(({ invocation, input }) => {
    const after = { invocation: before, attempt };
    before = invocation;
    return { ...order, invocation, after, command: { ...order.command, input } };
  });
  return [order, ...others];
}

/** The folder of an ended invocation, to be removed as its owner. */
export interface CheckpointOrder {
  readonly invocation: InvocationId;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly path: string;
}
