// Shapes for invocations: submit, list, show, wait, cancel.

import { z } from "zod";
import {
  type Attempt,
  type AttemptState,
  attemptEnds,
  type Identity,
  type Invocation,
} from "../../../model/invocation.js";
import { change, submission, submissionRequest } from "../../../model/shapes/submission.js";
import { maxIdsLength, maxListed, maxNamedIds, maxWaitMs } from "../limits.js";
import {
  askedTime,
  duration,
  executorId,
  idText,
  invocationId,
  invocationState,
  nodeName,
  shapeOf,
  time,
  userName,
  whole,
} from "./common.js";

export const identity = shapeOf<Identity>()(
  z.strictObject({ uid: whole, gid: whole, user: z.string() }),
);

const invocationFields = {
  id: invocationId,
  arrayJobId: invocationId
    .nullable()
    .describe("For a task of an array: the array's id, which is that of its first task"),
  arrayTaskId: whole.nullable(),
  owner: identity,
  name: z.string(),
  cores: whole,
  memoryMb: whole,
  gpus: whole,
  timeLimitMs: whole,
  state: invocationState,
  submittedAtMs: time,
  startedAtMs: time.nullable(),
  endedAtMs: time.nullable(),
  attempt: whole.describe("The number of the newest attempt; 0 before the first"),
  exitCode: whole.nullable(),
  signal: whole.nullable(),
  reason: z.string().nullable().describe("Why it ended or waits, in one sentence"),
  node: nodeName.nullable(),
  wallMs: duration.nullable().describe("How long its last attempt ran; null before that ended"),
  cpuMs: duration.nullable().describe("The processor time of the last attempt"),
  maxRssMb: duration
    .nullable()
    .describe("The most memory that the last attempt's processes had at once"),
  hotMs: duration
    .optional()
    .describe("The part of cpuMs that is billed as hot; only of a leased worker that has ended"),
  shareMs: duration
    .optional()
    .describe("The part of wallMs that is billed; only of a call that shared its worker"),
};

export const invocation = shapeOf<Invocation>()(z.strictObject(invocationFields));

const attemptState = z.enum(["RUNNING", ...attemptEnds] satisfies AttemptState[]);

export const attempt = shapeOf<Attempt>()(
  z.strictObject({
    invocation: invocationId,
    number: z.int().min(1).describe("1, 2, 3 … within its invocation"),
    executor: executorId,
    node: nodeName,
    cores: whole,
    memoryMb: whole,
    gpus: whole,
    state: attemptState,
    startedAtMs: time,
    startedMonotonicMs: duration.describe(
      "The same moment by the monotonic clock of gleanerd's machine",
    ),
    endedAtMs: time.nullable(),
    wallMs: duration.nullable().describe("From the start of the command to its end"),
    reason: z
      .string()
      .nullable()
      .describe("Why it ended so, in one sentence; null if there is nothing to say"),
    sharesWith: invocationId
      .nullable()
      .describe("The call whose worker it shared; null if it had a place of its own, or opened it"),
    shareMs: duration
      .nullable()
      .describe(
        "The part of wallMs for which it pays, if other calls ran in its worker meanwhile; null: all",
      ),
    phases: z
      .strictObject({
        fetchMs: duration.describe("Until the code was on the node"),
        startMs: duration.describe("Until the worker's process spoke"),
        loadMs: duration.describe("Until it had loaded the handler"),
        runMs: duration.describe("Until the call ended"),
      })
      .nullable()
      .describe(
        "What the phases of a call with a cold start took, as far as it came; null until the attempt ends, for a command and for a call that found a warm worker",
      ),
  }),
);

export const submitRequest = z.strictObject({
  requestId: z
    .uuid()
    .describe("A UUID that the client makes; a request that is sent again is recorded once"),
  submission: submissionRequest,
  testOnly: z
    .boolean()
    .exactOptional()
    .describe("Whether it is only checked, and nothing submitted; if omitted, false"),
});
export const submitAnswer = z.strictObject({
  id: z.int().min(0).describe("The invocation's id, or the array's; 0 if it was only checked"),
  tasks: z.int().min(1),
  takes: z
    .strictObject({ cores: whole, memoryMb: whole, gpus: whole, timeLimitMs: whole })
    .exactOptional()
    .describe("What it would get, if it was only checked"),
  notes: z
    .array(z.string())
    .exactOptional()
    .describe("What is other than asked, as sentences; omitted if nothing is"),
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .exactOptional()
    .describe("For an attached command: what its client and its node prove to each other to know"),
});

const commaSeparated = z
  .string()
  .max(maxIdsLength)
  .transform((text) => text.split(","));
const someIds = commaSeparated
  .pipe(z.array(idText).max(maxNamedIds))
  .describe("Comma-separated: 42,43_7");
const someStates = commaSeparated
  .pipe(z.array(invocationState).max(10))
  .describe("Comma-separated: PENDING,RUNNING");

export const invocationQuery = z.strictObject({
  user: userName.exactOptional(),
  ids: someIds.exactOptional(),
  states: someStates.exactOptional(),
  sinceMs: askedTime.exactOptional().describe("Ended after this time, or not at all"),
  order: z.enum(["oldest", "newest"]).default("oldest").describe("Which ones come first"),
  before: z.coerce
    .number<number>()
    .int()
    .min(1)
    .exactOptional()
    .describe("With order=newest, the next page: only invocations with smaller ids than this"),
  tasks: z
    .enum(["each", "runs"])
    .default("each")
    .describe(
      "runs: tasks of an array that wait together are one invocation, the first of them; only in lists of PENDING and RUNNING",
    ),
  limit: z.coerce.number<number>().int().min(1).max(maxListed).default(maxListed),
});
export const listedInvocation = z.strictObject({
  ...invocationFields,
  run: z
    .strictObject({
      count: z.int().min(2).describe("The number of tasks, with the first"),
      step: z.int().min(1).describe("Between two of their numbers"),
    })
    .exactOptional()
    .describe("The tasks that wait with it, if runs are asked for"),
  mostRunning: z
    .int()
    .min(1)
    .exactOptional()
    .describe("While it waits: the most tasks of its array that run at once, if that is limited"),
  beginAtMs: time.exactOptional().describe("While it waits: it does not begin before this time"),
});
export const invocationList = z.strictObject({
  invocations: z.array(listedInvocation),
  truncated: z.boolean().describe("Whether more matched than the limit"),
});

export const idParameter = z.strictObject({ id: idText.describe("42, or 42_7 of an array") });
export const invocationDetail = z.strictObject({
  invocation,
  submission: submission
    .omit({ environment: true })
    .describe("Without the environment, which may hold secrets"),
  attempts: z.array(attempt),
});

export const submissionQuery = z.strictObject({
  ids: commaSeparated
    .pipe(z.array(z.coerce.number<string>().pipe(invocationId)).max(maxNamedIds))
    .describe("Comma-separated ids of invocations and arrays: 42,43"),
});
export const submissionList = z.strictObject({
  submissions: z.array(
    z.strictObject({
      id: invocationId,
      submission: submission
        .omit({ environment: true })
        .describe("Without the environment, and a script without its text"),
    }),
  ),
});

export const waitQuery = z.strictObject({
  timeoutMs: z.coerce.number<number>().int().min(0).max(maxWaitMs).default(maxWaitMs),
});

export const cancelRequest = z.strictObject({
  ids: z.array(idText).max(maxNamedIds).describe("Empty with a filter: all that match"),
  user: userName.exactOptional(),
  state: invocationState.exactOptional(),
  name: z.string().max(256).exactOptional(),
  skipUnknown: z
    .boolean()
    .exactOptional()
    .describe("Whether an id that no invocation has is no problem, as for scancel"),
  signal: z
    .strictObject({
      number: z.int().min(1).max(64),
      to: z
        .enum(["steps", "script", "all"])
        .describe("What a script started by srun, the script alone, or all of its processes"),
    })
    .exactOptional()
    .describe(
      "Is sent to what runs, which is not cancelled; 9 also cancels what waits, unless it is for steps. Calls take none",
    ),
});
export const holdRequest = z.strictObject({
  ids: z.array(idText).min(1).max(maxNamedIds).describe("Invocations, arrays or tasks"),
  held: z.boolean().describe("false: they are released"),
});
export const requeueRequest = z.strictObject({
  ids: z.array(idText).min(1).max(maxNamedIds).describe("Invocations, arrays or tasks"),
});
export const updateRequest = change.extend({
  ids: z.array(idText).min(1).max(maxNamedIds).describe("Invocations or arrays"),
});
export const holdAnswer = z.strictObject({
  problems: z.array(z.string()).describe("A sentence for each id that could not be changed"),
});

export const cancelAnswer = z.strictObject({
  cancelled: whole.describe("How many were cancelled, or were sent the signal"),
  problems: z.array(z.string()).describe("A sentence for each id that could not be cancelled"),
});
