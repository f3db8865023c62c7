// What executors say of functions: which workers are warm, and which code they need.

import type { VersionId } from "../../model/ids.js";
import type { MessageOfWorkers, WantedPiece } from "../../wire/calls.js";
import type { ExecutorMessage } from "../../wire/messages.js";
import type { Carried } from "../carried/carried.js";
import type { EndFacts } from "../invocations/ends/end-facts.js";
import type { Leases } from "../leases/leases.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/** What calls need on their nodes, and what they leave there. */
export interface CallSources {
  readonly code: { supply(record: ExecutorRecord, version: VersionId): Promise<void> };
  readonly inputs: { supply(record: ExecutorRecord, wanted: WantedPiece): Promise<void> };
  readonly leases: Pick<Leases, "heard">;
  readonly events: Events;
  /** Takes a large result; see daemon/functions/result-intake.ts. */
  readonly results: {
    take(
      record: ExecutorRecord,
      uid: number,
      facts: EndFacts,
    ): Promise<{ readonly facts: EndFacts; readonly content: Carried | null }>;
  };
}

type OfFunctions = "warm" | "fetchBundle" | MessageOfWorkers["type"];

export function noteFunctions(
  record: ExecutorRecord,
  message: ExecutorMessage & { readonly type: OfFunctions },
  { code, inputs, leases, events }: CallSources,
): void {
  switch (message.type) {
    case "fetchBundle":
      void code.supply(record, message.version);
      break;
    case "fetchPiece":
      void inputs.supply(record, message);
      break;
    case "piece":
    case "noPiece":
      record.pieces.arrived(message);
      break;
    case "logSoFar":
      record.askedLogs.arrived(message.key, message.bytes);
      break;
    case "serving":
    case "leaseUsage":
      leases.heard(record, message);
      break;
    case "warm":
      record.idleWorkers.says(message.workers);
      events.publish({ type: "idleWorkersChanged", executor: record });
  }
}
