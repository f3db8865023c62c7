// How much gleanerd reads of one executor, whatever connections it makes: its pace, and what it may
// answer beyond that.

import { maxInlineBytes } from "../../model/call.js";
import { maxLogBytes, maxPieceBytes } from "../call-checks.js";
import type { DaemonMessage } from "../messages.js";
import { type Earned, Inflow, type Pace } from "./inflow.js";

const pace: Pace = { burst: 5_000, perSecond: 200, bytes: 4_096 };

/** An attempt starts, ends, and changes the budget. */
const messages = 4;

/** The answer of a call, and what it printed. */
const callBytes = maxInlineBytes + maxLogBytes;

/** A piece of this many bytes earns the request of the next one. */
const pieceBytes = maxPieceBytes / 8;

const nothing: Earned = { messages: 0, bytes: 0 };

/** The replies to what it asks earn nothing: otherwise it could ask endlessly. */
function earnedBy(message: DaemonMessage): Earned {
  switch (message.type) {
    case "start":
      return { messages, bytes: isCall(message) ? callBytes : 0 };
    case "startRun": {
      const calls = 1 + message.rest.length;
      return { messages: calls * messages, bytes: calls * callBytes };
    }
    case "fetchPiece":
      return { messages, bytes: message.wantedBytes };
    case "fetchLog":
      return { messages, bytes: maxLogBytes };
    case "piece":
      return { messages: Math.min(1, message.bytes.length / pieceBytes), bytes: 0 };
    case "bundlePart":
    case "bundleRefused":
    case "extendLease":
    case "noPiece":
    case "recorded":
      return nothing;
    default:
      return { messages, bytes: 0 };
  }
}

const isCall = ({ order }: DaemonMessage & { readonly type: "start" }): boolean =>
  order.command.kind === "call" && order.command.lease === undefined;

export type ExecutorInflow = Inflow<DaemonMessage>;
export const executorInflow = (): ExecutorInflow => new Inflow(pace, earnedBy);
