// Shapes for leases: the request, the lease with its workers, and lists of them.

import { z } from "zod";
import { type LeaseState, leaseTransitions } from "../../../model/functions/lease-state.js";
import { leaseTerms } from "../../../model/shapes/submission.js";
import { minLeaseTtlMs } from "../limits.js";
import { calledFunction, requestId, waitMs } from "./calls.js";
import { invocationId, nodeName, userName, whole } from "./common.js";

/** More than any site grants: config `leases` has the limits. */
const maxWorkers = 65_536;
const count = z.int().min(1).max(maxWorkers);
const ttlMs = leaseTerms.shape.ttlMs.min(minLeaseTtlMs);
const maxAmount = 2 ** 31 - 1;

export const leaseRequest = z.strictObject({
  requestId,
  function: calledFunction,
  workers: count.describe("How many workers are wanted, on any nodes"),
  atLeast: z
    .int()
    .min(0)
    .max(maxWorkers)
    .default(1)
    .describe(
      "Granted once this number serves; equal to workers: all or nothing; 0: answer at once",
    ),
  cores: count.nullable().default(null).describe("For each worker; null: the function's"),
  memoryMb: z
    .int()
    .min(1)
    .max(maxAmount)
    .nullable()
    .default(null)
    .describe("For each worker; null: the function's"),
  ttlMs: ttlMs
    .nullable()
    .default(null)
    .describe("The lease ends after this time without a renewal; null: 10 s"),
  idleMs: leaseTerms.shape.idleMs
    .nullable()
    .default(null)
    .describe("The lease of a worker that has no client for this time ends; null: the site's"),
  hotMs: leaseTerms.shape.hotMs.default(0),
  waitMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(10_000)
    .describe("How long to wait for the grant; then the lease ends"),
  fresh: z
    .boolean()
    .default(false)
    .describe(
      "This request has not been sent before, so the grant of one worker does not wait for gleanerd's disk",
    ),
});

const word = z.string();
export const leaseEndpoint = z.strictObject({
  worker: word.describe("INVOCATION.ATTEMPT"),
  node: nodeName,
  host: word.describe("The node's address, as Slurm has it"),
  port: z.int().min(1).max(65_535),
  socket: word.describe("An abstract Unix socket, without the leading NUL"),
  hostId: word.describe("The node's boot id: clients with the same one may use the socket"),
  key: word
    .nullable()
    .describe("32 bytes in hexadecimal digits; null in lists, and unless the lease is one's own"),
  state: z.enum(["serving", "terminating"]),
  disconnected: z
    .boolean()
    .describe("gleanerd has lost its connection to the node; clients may still reach the worker"),
  terminatingInMs: whole
    .nullable()
    .describe("When its hole is expected to close; null if nothing is expected"),
  clients: whole.describe("Connected now, as the worker says"),
  calls: whole.describe("Answered so far, as the worker says"),
  busyMs: whole.describe("The time of these calls, as the worker says"),
  spinMs: whole.describe("The time that it spun beyond calls, as the worker says"),
});

const coreTime = z.number().min(0);
const leaseUse = z.strictObject({
  callsCoreMs: coreTime.describe("What its workers used, without spinning"),
  hotCoreMs: coreTime.describe("What they spun, as they say"),
  heldCoreMs: coreTime.describe("What they held and did not use"),
});

export const lease = z.strictObject({
  id: invocationId,
  user: userName,
  function: word.describe("As in ada/tile"),
  state: z.enum(Object.keys(leaseTransitions) as LeaseState[]),
  revision: whole.describe("Rises with each change of state or workers"),
  expiresInMs: whole.describe("It ends then unless it is renewed"),
  idleMs: whole,
  hotMs: z.int().min(-1),
  timeLimitMs: whole.describe("The longest that a call may take, as the function says"),
  cores: whole.describe("Each worker's"),
  memoryMb: whole.describe("Each worker's"),
  wanted: count,
  waiting: whole.describe("Workers that are not there yet, or again"),
  reason: word.nullable().describe("Why it waits or ended, in one sentence"),
  used: leaseUse
    .nullable()
    .describe(
      "What its workers held, by what it was; null where it was not asked for: see the route",
    ),
  workers: z.array(leaseEndpoint),
});

export const leaseParameter = z.strictObject({ id: z.coerce.number<number>().int().min(1) });
export const leaseQuery = z.strictObject({
  revision: z.coerce
    .number<number>()
    .int()
    .min(0)
    .exactOptional()
    .describe("With waitMs: the answer comes once the lease has another revision"),
  waitMs: waitMs.describe("How long to wait for another revision; 0: not at all"),
});
export const leaseList = z.strictObject({ leases: z.array(lease) });
export const renewRequest = z.strictObject({
  ttlMs: ttlMs.nullable().default(null).describe("null: as asked for at first"),
});
export const renewAnswer = z.strictObject({ expiresInMs: whole, revision: whole });
export const endRequest = z.strictObject({});
export const endAnswer = z.strictObject({ state: lease.shape.state });
