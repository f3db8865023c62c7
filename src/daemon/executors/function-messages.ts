// What executors say of functions: which workers are warm, and which code they need.

import { workerKey } from "../../model/call.js";
import type { VersionId } from "../../model/ids.js";
import type { MessageOfWorkers, WantedPiece, WarmWorkers } from "../../wire/calls.js";
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

/** Executors end the others (executor/workers/workers.ts). */
const maxIdle = 256;

/** No more of each kind than have room in what was ordered for the node. */
const possible = (workers: readonly WarmWorkers[], most: ExecutorRecord["most"]) =>
  workers
    .map((each) => {
      const room = most === null ? each.count : Math.floor(most.memoryMb / each.memoryMb);
      return { ...each, count: Math.min(each.count, room, maxIdle) };
    })
    .filter(({ count }) => count > 0);

type OfFunctions = "warm" | "aheadEnded" | "fetchBundle" | MessageOfWorkers["type"];

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
      record.idleWorkers.says(possible(message.workers, record.most));
      events.publish({ type: "idleWorkersChanged", executor: record });
      break;
    case "aheadEnded": {
      const key = workerKey(message.worker);
      const ended = { executor: record, workerKey: key, why: message.why };
      if (record.idleWorkers.aheadEnded(key)) events.publish({ type: "aheadEnded", ...ended });
      break;
    }
  }
}
