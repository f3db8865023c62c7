// Shapes for calls of functions: the call, the map, and their answers.

import { z } from "zod";
import { maxBlobBytes } from "../../../bundle/limits.js";
import { maxCarriedBytes } from "../call-frames.js";
import {
  maxAnswersListed,
  maxCallNumber,
  maxLogsListed,
  maxMapInputs,
  maxPayloadTextLength,
  maxTaskListLength,
  maxWaitMs,
} from "../limits.js";
import { invocationState, time, whole } from "./common.js";
import { invocation } from "./invocations.js";

export {
  answerText,
  payloadOf,
  payloadText,
} from "../payloads.js";

const contentType = z
  .string()
  .max(255)
  .regex(/^[\x20-\x7e]*$/, "must be printable ASCII");

const blobHash = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in 64 hexadecimal digits");

/** Text as it is, any other bytes in base64, more than 64 KiB by their hash. */
export const payload = z
  .strictObject({
    contentType,
    text: z.string().max(maxPayloadTextLength).exactOptional(),
    base64: z.base64().max(maxPayloadTextLength).exactOptional(),
    blob: blobHash.exactOptional().describe("The hash of a content of the caller's: see /v1/blobs"),
    bytes: z.int().min(0).max(maxBlobBytes).exactOptional().describe("The size of that content"),
  })
  .refine(
    ({ text, base64, blob }) =>
      [text, base64, blob].filter((each) => each !== undefined).length === 1,
    { message: "must have one of text, base64 and blob" },
  );

export const calledFunction = z
  .string()
  .min(1)
  .max(400)
  .describe("NAME, NAME@ALIAS, NAME@VERSION, or one of these after OWNER/");
export const requestId = z
  .uuid()
  .describe("A UUID that the client makes; a request that is sent again is recorded once");
const timeLimitMs = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .nullable()
  .default(null)
  .describe("A shorter limit than the function's own; null: the function's");

export const callRequest = z.strictObject({
  requestId,
  function: calledFunction,
  input: payload,
  timeLimitMs,
  waitMs: z
    .int()
    .min(0)
    .max(maxWaitMs)
    .default(0)
    .describe("How long to wait for the answer; 0: not at all"),
  fresh: z
    .boolean()
    .default(false)
    .describe(
      "With waitMs: this request has not been sent before, so nothing waits for gleanerd's disk",
    ),
});

const remoteError = z.strictObject({
  type: z.string().describe("The class of the exception"),
  message: z.string(),
  stack: z.string().nullable().describe("Frames of the user's code"),
});
const failed = <const Kind extends string>(kind: Kind) =>
  z.strictObject({ kind: z.literal(kind), error: remoteError });
const callAnswer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("result"), payload }),
  failed("exception"),
  failed("notLoaded"),
]);

export const calledAnswer = z.strictObject({
  id: whole.describe("The invocation's id"),
  invocation: invocation.nullable().describe("As it is now; null if the request did not wait"),
  answer: callAnswer.nullable().describe("null until a worker has answered"),
});

export const mapRequest = z.strictObject({
  requestId,
  function: calledFunction,
  inputs: z.array(payload).min(1).max(maxMapInputs),
  timeLimitMs,
});

export const streamMapQuery = z.strictObject({
  requestId,
  function: calledFunction,
  timeLimitMs: z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .exactOptional()
    .describe("A shorter limit than the function's own"),
});

export const mapAnswer = z.strictObject({
  id: whole.describe("The array's id"),
  tasks: z.int().min(1),
});

export const answerOfCall = z.strictObject({
  state: invocationState,
  answer: callAnswer.nullable().describe("null if there is none, or it was removed for its age"),
});
export const answersQuery = z.strictObject({
  after: z.coerce
    .number<number>()
    .int()
    .min(-1)
    .default(-1)
    .describe("Only tasks with larger numbers"),
  limit: z.coerce.number<number>().int().min(1).max(maxAnswersListed).default(maxAnswersListed),
});
export const answerList = z.strictObject({
  answers: z.array(z.strictObject({ task: whole, answer: callAnswer })),
  next: whole.nullable().describe("Where to continue, as after; null at the end"),
});
export const waitMs = z.coerce.number<number>().int().min(0).max(maxWaitMs).default(0);
export const outcomesQuery = z.strictObject({
  tasks: z
    .string()
    .max(maxTaskListLength)
    .regex(/^\d{1,7}(-\d{1,7})?(,\d{1,7}(-\d{1,7})?)*$/, "must be like 0-99,107")
    .default("0")
    .describe("The tasks of a map, as 0-99,107; a single call is task 0"),
  waitMs: waitMs.describe("How long to wait until one of the tasks has ended; 0: not at all"),
});
const outcome = z.strictObject({
  task: whole,
  state: invocationState.describe("A final one"),
  reason: z.string().nullable().describe("Why it ended so, in one sentence"),
  answer: callAnswer
    .nullable()
    .describe("null if no worker answered, or the answer was removed for its age"),
});
export const outcomeList = z.strictObject({ outcomes: z.array(outcome) });
export const resultsQuery = z.strictObject({
  order: z
    .enum(["input", "ended"])
    .default("input")
    .describe("That of the inputs, or in which the ends were recorded"),
  after: z.coerce
    .number<number>()
    .int()
    .min(0)
    .default(0)
    .describe("Where to continue: the next of the page before"),
  limit: z.coerce.number<number>().int().min(1).max(maxAnswersListed).default(maxAnswersListed),
  waitMs: waitMs.describe("How long to wait for the first result of the page; 0: not at all"),
});
export const resultList = z.strictObject({
  results: z.array(outcome).describe("Tasks whose records were removed for their age are omitted"),
  next: whole.describe("Where to continue, as after"),
  isComplete: z.boolean().describe("Whether this was the last page"),
});
export const callLogQuery = z.strictObject({
  after: z.coerce
    .number<number>()
    .int()
    .min(0)
    .default(0)
    .describe("Only what was printed after this many bytes: the next of the answer before"),
});
export const callLog = z.strictObject({
  text: z
    .string()
    .describe("What the last attempt printed, so far if it runs; its beginning may be missing"),
  next: whole.describe("The bytes that it has printed"),
  attempt: whole.describe("The attempt; the next one begins with 0 bytes again"),
  isOver: z.boolean().describe("Whether the call has ended"),
});

export const functionLogQuery = z.strictObject({
  after: z.coerce
    .number<number>()
    .int()
    .min(0)
    .default(0)
    .describe("Where to continue: the next of the answer before"),
  lastMs: z.coerce
    .number<number>()
    .int()
    .min(0)
    .max(2 ** 53 - 1)
    .exactOptional()
    .describe("Only calls that ended within this time"),
  limit: z.coerce.number<number>().int().min(1).max(maxLogsListed).default(maxLogsListed),
  waitMs: waitMs.describe("How long to wait for the first of them; 0: not at all"),
});
export const functionLog = z.strictObject({
  logs: z.array(
    z.strictObject({
      id: z.string().describe("The call: 42 or 42_7"),
      endedAtMs: time,
      text: z.string().describe("What its last attempt printed; its beginning may be missing"),
    }),
  ),
  next: whole.describe("Where to continue, as after"),
  running: z.array(z.string()).describe("Calls of it that run, at most 20 of them"),
});

/**
 * A call on a connection that carries many: a short input is the frame's payload, another one the
 * next frame.
 */
export const callInFrame = callRequest.extend({
  call: z.int().min(0).max(maxCallNumber),
  followsBytes: z.int().max(maxCarriedBytes).exactOptional(),
  input: z.strictObject({ contentType, blob: blobHash.exactOptional() }),
});
/** The client no longer waits for the answer. */
export const leaveInFrame = z.strictObject({ leave: z.int().min(0).max(maxCallNumber) });
