// The store's operations as the worker runs them: synchronous, by name, writes separate from reads.

import type { NamesOf } from "../create-store.js";
import type { Connection } from "../database.js";
import { prepareChain } from "../ledger/chain.js";
import { ledgerReads } from "../ledger/ledger.js";
import type { LedgerSeal } from "../ledger/seal.js";
import type { Operations } from "../signatures.js";
import { attemptReads, attemptWrites } from "./attempts.js";
import { auditReads, auditWrites } from "./audit.js";
import { leaseReads } from "./calls/leases.js";
import { callRecordWrites } from "./calls/records.js";
import { callReads, callWrites } from "./calls.js";
import { checkpointReads, checkpointWrites } from "./checkpoints.js";
import { executorReads, executorWrites } from "./executors.js";
import { blobReads, blobWrites } from "./functions/blobs.js";
import { functionWrites } from "./functions/changes.js";
import { functionReads } from "./functions/reads.js";
import { idleWrites } from "./idle.js";
import { invocationReads, invocationWrites } from "./invocations.js";
import { learnedReads, learnedWrites } from "./learned.js";
import { nodeReads, nodeWrites } from "./nodes.js";
import { refusalReads, refusalWrites } from "./refusals.js";
import { retentionWrites } from "./retention.js";
import { mapReads, mapWrites } from "./rows/maps.js";
import { utilizationReads, utilizationWrites } from "./utilization.js";

export function writeOperations(
  database: Connection,
  seal: LedgerSeal,
): Operations<NamesOf<"write">> {
  prepareChain(database, seal);
  return {
    ...invocationWrites(database),
    ...attemptWrites(database, seal),
    ...callWrites(database),
    ...mapWrites(database),
    ...callRecordWrites(database, seal),
    ...checkpointWrites(database),
    ...executorWrites(database),
    ...nodeWrites(database),
    ...utilizationWrites(database),
    ...idleWrites(database),
    ...learnedWrites(database),
    ...auditWrites(database),
    ...refusalWrites(database),
    ...blobWrites(database),
    ...functionWrites(database),
    ...retentionWrites(database, seal),
  };
}

export function readOperations(
  database: Connection,
  seal: LedgerSeal,
): Operations<NamesOf<"read" | "report">> {
  return {
    ...invocationReads(database),
    ...attemptReads(database),
    ...callReads(database),
    ...leaseReads(database),
    ...mapReads(database),
    ...checkpointReads(database),
    ...executorReads(database),
    ...nodeReads(database),
    ...utilizationReads(database),
    ...learnedReads(database),
    ...auditReads(database),
    ...refusalReads(database),
    ...blobReads(database),
    ...functionReads(database),
    ...ledgerReads(database, seal),
  };
}
