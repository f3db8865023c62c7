// Builds the port Store from one function for each database thread, and defines which thread runs
// which operation.

import type { Store } from "../../core/ports/store.js";

/** `report` reads too, but may take seconds: nothing else waits behind it. */
export type Thread = "write" | "read" | "report";

/** Names every operation of the port; the compiler reports a missing one. */
const threadOf = {
  submit: "write",
  reserveIds: "write",
  recordCall: "write",
  saveTerms: "write",
  endPending: "write",
  submittedWith: "write",
  submissionToRun: "write",
  inputToRun: "write",
  pruneAnswers: "write",
  beginAttempt: "write",
  beginTasks: "write",
  endAttempt: "write",
  saveCheckpoint: "write",
  forgetCheckpoint: "write",
  saveExecutor: "write",
  setDrained: "write",
  saveJobRecords: "write",
  closeVanishedJobs: "write",
  saveHookEvent: "write",
  saveEviction: "write",
  saveHolding: "write",
  saveNodeSpans: "write",
  saveConditions: "write",
  saveLearned: "write",
  revokeTokens: "write",
  saveAudit: "write",
  pruneAudit: "write",
  saveRefusals: "write",
  prune: "write",
  keepBlob: "write",
  forgetBlob: "write",
  deploy: "write",
  setAlias: "write",
  removeAlias: "write",
  setSharing: "write",
  removeFunction: "write",
  removeVersion: "write",
  pruneFunctions: "write",

  loadLive: "read",
  loadRunningAttempts: "read",
  listInvocations: "read",
  scanInvocations: "read",
  listAttempts: "read",
  submissionOf: "read",
  describeSubmissions: "read",
  inputOf: "read",
  answerOf: "read",
  callLogOf: "read",
  listLogs: "read",
  listAnswers: "read",
  listEnds: "read",
  tasksOf: "read",
  leaseRecord: "read",
  packedInputsOf: "read",
  listMapEnds: "read",
  uidNamed: "read",
  loadCheckpoints: "read",
  loadExecutors: "read",
  loadDrained: "read",
  loadLearned: "read",
  loadTokenEpochs: "read",
  listAudit: "read",
  listRefusals: "read",
  loadBlob: "read",
  loadBlobUse: "read",
  knownBlobs: "read",
  listUnusedBlobs: "read",
  listFunctions: "read",
  loadFunction: "read",
  loadVersion: "read",
  listMinWarm: "read",

  loadUtilization: "report",
  bill: "report",
  verifyLedger: "report",
} as const satisfies Record<Exclude<keyof Store, "close">, Thread>;

type Name = keyof typeof threadOf;

/** The operations that one of these threads runs. */
export type NamesOf<Threads extends Thread> = {
  [Each in Name]: (typeof threadOf)[Each] extends Threads ? Each : never;
}[Name];

/** Runs operations on one thread. */
export interface Caller {
  call(name: string, args: readonly unknown[]): Promise<unknown>;
}

export function createStore(
  callers: Readonly<Record<Thread, Caller>>,
  close: Store["close"],
): Store {
  const operations = Object.entries(threadOf).map(([name, thread]) => [
    name,
    (...args: unknown[]) => callers[thread].call(name, args),
  ]);
  return { ...Object.fromEntries(operations), close } as Store;
}
