// The store's operations as the worker runs them: synchronous, by name, writes separate from reads.

import type { NamesOf } from "../create-store.js";
import type { Connection } from "../database.js";
import type { GroupWrite } from "../group.js";
import { ChainWriter, prepareChain } from "../ledger/chain.js";
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
import { EndNoter, mapReads, mapWrites } from "./rows/maps.js";
import { utilizationReads, utilizationWrites } from "./utilization.js";

export interface WriteOperations {
  readonly operations: Operations<NamesOf<"write">>;
  /** What they leave for the end of a group. */
  readonly kept: readonly GroupWrite[];
}

export function writeOperations(database: Connection, seal: LedgerSeal): WriteOperations {
  prepareChain(database, seal);
  const chain = new ChainWriter(database, seal);
  const ends = new EndNoter(database);
  const attempts = attemptWrites(database, { chain, ends });
  const operations = {
    ...invocationWrites(database),
    ...attempts,
    ...callWrites(database),
    ...mapWrites(database),
    ...callRecordWrites(database, attempts),
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
  return { operations, kept: [chain, ends] };
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
