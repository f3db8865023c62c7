// What executors say of functions: which workers are warm, and which code they need.

import { workerKey } from "../../model/call.js";
import type { VersionId } from "../../model/ids.js";
import type { ExecutorMessage } from "../../wire/messages.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/** Sends a version's code to a node that has a call of it. */
export interface CodeSource {
  supply(record: ExecutorRecord, version: VersionId): Promise<void>;
}

export function noteFunctions(
  record: ExecutorRecord,
  message: ExecutorMessage & { readonly type: "warm" | "fetchBundle" },
  code: CodeSource,
): void {
  if (message.type === "fetchBundle") void code.supply(record, message.version);
  else record.warm = new Map(message.workers.map((each) => [workerKey(each), each.count]));
}
