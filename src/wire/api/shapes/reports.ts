// Shapes for reports: utilization, predictions, bills and the ledger's check.

import { z } from "zod";
import type { PredictionReport } from "../../../model/capacity/prediction.js";
import type { BillLine, LedgerCheck, LedgerHead } from "../../../model/records/account.js";
import type { RefusedOption } from "../../../model/records/refused-option.js";
import type {
  NodeUtilization,
  Utilization,
  UtilizationPoint,
  Violation,
} from "../../../model/records/utilization.js";
import { idlePart } from "./cluster.js";
import {
  amount,
  askedTime,
  duration,
  nodeName,
  shapeOf,
  share,
  time,
  userName,
  whole,
} from "./common.js";
import { holeKind, predictionSource } from "./nodes.js";

export const windowQuery = z.strictObject({
  fromMs: askedTime.exactOptional(),
  toMs: askedTime.exactOptional(),
});

const violation = shapeOf<Violation>()(
  z.strictObject({
    node: nodeName,
    jobId: z.int() as unknown as z.ZodType<Violation["jobId"], Violation["jobId"]>,
    atMs: time,
    tookMs: duration,
    left: whole.nullable().describe("Processes of functions; null: nobody could count them"),
  }),
);

const point = shapeOf<UtilizationPoint>()(
  z.strictObject({
    atMs: z.number(),
    allocatedCores: z.number(),
    idleCores: z.number(),
    coveredCores: z.number(),
    usefulCores: z.number(),
  }),
);

const leasedTimes = {
  leasedCallsCoreMs: amount.describe("What leases that ended used, without spinning"),
  leasedHotCoreMs: amount.describe("What they spun, as their workers say, at most what they used"),
  leasedHeldCoreMs: amount.describe("What they held and did not use"),
};

const coreTimes = {
  availableCoreMs: amount,
  allocatedCoreMs: amount,
  idleCoreMs: amount,
  coveredCoreMs: amount.describe("The part of idleCoreMs in which a ready executor held the core"),
  usefulCoreMs: amount.describe("The part of idleCoreMs that became finished, billed work"),
};

const ofNode = shapeOf<NodeUtilization>()(
  z.strictObject({
    node: nodeName,
    ...coreTimes,
    ...leasedTimes,
    idleParts: z.partialRecord(idlePart, amount).describe("Parts of 0 are omitted"),
  }),
);

export const utilization = shapeOf<Utilization>()(
  z.strictObject({
    fromMs: time,
    toMs: time,
    unobservedMs: duration.describe(
      "The part of the period in which no node was seen in service; it is in no other figure",
    ),
    nodes: whole,
    ...coreTimes,
    ...leasedTimes,
    idleParts: z
      .record(idlePart, amount)
      .describe("Where the idle core-time went: core-milliseconds that sum to idleCoreMs"),
    coverage: share.describe("coveredCoreMs / idleCoreMs; 0 if nothing was idle"),
    goodput: share.describe("usefulCoreMs / idleCoreMs; 0 if nothing was idle"),
    evictions: whole,
    evictedAttempts: whole,
    lostToEvictionCoreMs: amount,
    evictMs: z.strictObject({ p50: duration, p99: duration, max: duration }).nullable(),
    evictHistogram: z
      .array(
        z.strictObject({
          atMostMs: duration.nullable().describe("null: the last bin, which has no upper bound"),
          count: whole,
        }),
      )
      .describe("Always the same bins, ascending; their counts sum to evictions"),
    violations: z
      .array(violation)
      .nullable()
      .describe("Jobs that began while functions may have been on their cores; null: not measured"),
    batchJobs: whole,
    series: z.array(point).describe("Average cores in each step of time"),
    perNode: z.array(ofNode),
  }),
);

export const predictionReport = shapeOf<PredictionReport>()(
  z.strictObject({
    sources: z.array(
      z.strictObject({
        source: predictionSource,
        count: whole,
        brier: z
          .number()
          .nullable()
          .describe("The mean of (predicted - outcome)^2: 0 is perfect, 0.25 is a coin's"),
        bins: z.array(
          z.strictObject({
            fromProbability: share,
            toProbability: share,
            count: whole,
            predicted: share.nullable(),
            observed: share.nullable(),
          }),
        ),
      }),
    ),
    lives: z.array(
      z.strictObject({
        kind: holeKind,
        closings: z.number().describe("Holes seen to close; older ones count less"),
        ageMs: duration,
        halfLastMs: duration.describe(
          "For how much longer a hole of this age lasts with a probability of 1/2",
        ),
        nineTenthsLastMs: duration,
      }),
    ),
    learnedFunctions: whole,
  }),
);

/** A submission has fewer options. */
const maxRefused = 100;

export const refusedRequest = z.strictObject({
  options: z
    .array(z.string().regex(/^[a-z][a-z-]{0,39}$/, "must be the long name of an option"))
    .min(1)
    .max(maxRefused)
    .describe("Names, without values"),
});
export const refusedAnswer = z.strictObject({ recorded: z.boolean() });

export const adoptionAnswer = z.strictObject({
  fromMs: time,
  toMs: time,
  options: z.array(
    shapeOf<RefusedOption>()(
      z.strictObject({
        option: z.string().describe("The long name, as in licenses"),
        times: whole.describe("Refused submissions that had it"),
        users: whole,
        lastDayMs: time.describe("The start of the day (UTC) on which it was refused last"),
      }),
    ),
  ),
});

export const billQuery = windowQuery.extend({ user: userName.exactOptional() });

const sums = {
  attempts: amount.describe("Those that are billed"),
  coreMs: amount,
  heldCoreMs: amount.describe("The part of coreMs that leases held and did not use"),
  hotCoreMs: amount.describe("The part of coreMs in which leases may have spun"),
  memoryMbMs: amount,
  amountMicroCredits: amount,
};
export const billLine = shapeOf<BillLine>()(
  z.strictObject({
    uid: whole,
    user: z.string().describe("The name at the last posting"),
    otherNames: z.array(z.string()),
    ...sums,
  }),
);
export const billAnswer = z.strictObject({
  lines: z.array(billLine),
  total: z.strictObject(sums),
});

const ledgerHead = shapeOf<LedgerHead>()(
  z.strictObject({
    sequence: whole.describe("How many postings were ever made"),
    seal: z.string().describe("The seal of the last one; empty before the first"),
  }),
);

export const ledgerQuery = z.strictObject({
  head: z
    .string()
    .regex(
      /^(0:|[1-9]\d{0,14}:[0-9a-f]{64})$/,
      "expected a ledger head as an earlier check gave it: NUMBER:SEAL",
    )
    .exactOptional()
    .describe("A head from an earlier check, as sequence:seal: the ledger must continue it"),
});

export const ledgerCheck = shapeOf<LedgerCheck>()(
  z.strictObject({
    balanced: z.boolean(),
    attempts: whole,
    postings: whole,
    ledgerMicroCredits: amount,
    recomputedMicroCredits: amount,
    head: ledgerHead,
    differences: z.array(z.string()).describe("The first few, a sentence each"),
  }),
);
