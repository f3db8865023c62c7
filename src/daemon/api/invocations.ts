// Requests about invocations: submit, list, show, wait. A user can access only their own.

import type { FastifyReply } from "fastify";
import { nowMs } from "../../clock.js";
import type { PackedInputs } from "../../core/ports/maps.js";
import type { Store } from "../../core/ports/store.js";
import { describeWhere } from "../../core/scheduling/where.js";
import {
  type AdmissionPolicy,
  type AskedSubmission,
  admit,
} from "../../core/submission/admission.js";
import { bytesOf, digestOf } from "../../core/submission/digest.js";
import { entryCountOf, newTasks, taskCountOf } from "../../core/submission/new-tasks.js";
import { notesOn } from "../../core/submission/notes.js";
import { sizesFor } from "../../core/submission/whole-node.js";
import type { Payload } from "../../model/call.js";
import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { type InvocationId, maxSlurmJobId, namesArray } from "../../model/ids.js";
import type { Invocation, Submission, SubmissionDigest, Where } from "../../model/invocation.js";
import type { ResourceRequest } from "../../model/resources.js";
import { maxListed } from "../../wire/api/limits.js";
import type { AskedOf, InvocationDetail } from "../../wire/api/types.js";
import type { Access } from "../auth/access.js";
import type { Secrets } from "../auth/tokens.js";
import type { Executors } from "../executors/executors.js";
import type { Checkpoints } from "../invocations/checkpoints.js";
import type { Dispatcher } from "../invocations/dispatch.js";
import type { Documents } from "../invocations/documents.js";
import type { DesertedRuns } from "../invocations/ends/deserted-runs.js";
import { firstOf } from "../invocations/first-of.js";
import type { Awaited, Waiters } from "../invocations/waiters.js";
import type { DiskReserve } from "../records/disk-reserve.js";
import type { LiveInvocations } from "../state/live.js";
import { loadOf } from "../state/queue-figures.js";
import type { Registry } from "../state/registry.js";
import { cancel, type DesertedRoutes, desertedRuns } from "./cancel.js";
import {
  allNamedPieces,
  foldedPieces,
  Listings,
  livePieces,
  namedPieces,
  type Pieces,
  storedPieces,
  withReasons,
} from "./listing.js";
import { countingRefusals } from "./reports/refusals.js";
import { type Caller, goneSignal } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { chosenUid, theirs, type UserNames } from "./users.js";

export interface InvocationRoutes extends UserNames {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly waiters: Waiters;
  readonly registry: Registry;
  readonly executors: Executors;
  readonly dispatcher: Dispatcher;
  readonly checkpoints: Checkpoints;
  readonly documents: Documents;
  readonly admission: AdmissionPolicy;
  readonly access: Pick<Access, "require">;
  readonly reserve: Pick<DiskReserve, "require">;
  /** null until gleanerd has read Slurm. */
  readonly largestNode: (where?: Where) => ResourceRequest | null;
  /** What every node has that could run it; null if unknown, or if there is none. */
  readonly wholeNode?: (need: ResourceRequest, where?: Where) => ResourceRequest | null;
}

type InvocationHandlers = Pick<
  Handlers,
  "submit" | "list" | "detail" | "submissions" | "wait" | "cancel"
>;

export function invocationHandlers(
  deps: InvocationRoutes & DesertedRoutes & { readonly secrets: Pick<Secrets, "ofRun"> },
): InvocationHandlers {
  const listings = new Listings();
  const deserted = desertedRuns(deps);
  return {
    submit: async ({ caller, body, request }) => {
      await deps.access.require(caller);
      if (body.testOnly) return checked(deps, caller, body);
      await deps.reserve.require();
      const { submission } = body;
      const answer = await countingRefusals(deps, caller, submission, () =>
        accept(deps, caller, body),
      );
      const { id, tasks } = answer;
      request.act = { action: "submit", subject: String(id), detail: counted(tasks, "task") };
      if (submission.command.kind !== "attached") return answer;
      deserted.left(id);
      return { ...answer, key: deps.secrets.ofRun(id).toString("hex") };
    },
    list: async ({ caller, query, reply }) => {
      const pieces = await piecesOf(deps, caller, query);
      return listings.send(caller, reply, pieces, query.limit);
    },
    detail: ({ caller, params: { id } }) => detail(deps, caller, id),
    submissions: async ({ caller: { uid, operator }, query: { ids } }) => ({
      submissions: await deps.store.describeSubmissions(ids, operator ? null : uid),
    }),
    wait: async ({ caller, params: { id }, query: { timeoutMs }, reply }) => {
      const pieces = await wait({ ...deps, deserted }, caller, id, timeoutMs, reply);
      return listings.send(caller, reply, pieces, maxListed);
    },
    cancel: async ({ caller, body, request }) => {
      const answer = await cancel(deps, caller, body);
      const { ids, signal, ...filter } = body;
      const subject = ids.length > 0 ? ids.join(",") : JSON.stringify(filter);
      const done =
        signal === undefined ? "cancelled" : `sent signal ${signal.number} to ${signal.to}`;
      const detail = `${answer.cancelled} ${done}, ${answer.problems.length} refused`;
      request.act = { action: "cancel", subject, detail };
      return answer;
    },
  };
}

/** What a user submits, or a call with its inputs. */
export interface Asked {
  readonly requestId: string;
  readonly submission: AskedSubmission;
  readonly inputs?: readonly Payload[];
  /** In place of `inputs`. */
  readonly packed?: PackedInputs;
}

export interface Accepted {
  readonly id: InvocationId;
  readonly tasks: number;
  readonly notes?: readonly string[];
}

/** The submission with the site's defaults, if there is room for it. */
export function admitted(
  {
    live,
    largestNode,
    wholeNode,
    admission,
  }: Pick<InvocationRoutes, "live" | "largestNode" | "wholeNode" | "admission">,
  uid: number,
  asked: AskedSubmission,
  inputs: readonly Payload[],
): Submission {
  const load = loadOf(live, uid, bytesOf(inputs));
  const { where } = asked;
  const largest = largestNode(where);
  if (where !== undefined && largest?.cores === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `no node of this cluster has ${describeWhere(where)}: check it with sinfo -N -o "%N %f %G %d"`,
    );
  const sizes = sizesFor(asked, (need) => wholeNode?.(need, where) ?? null);
  return admit({ ...asked, ...sizes }, uid, load, largest, admission, nowMs());
}

/** What would be accepted; throws as accept does. */
function checked(deps: InvocationRoutes, { uid }: Caller, { submission: asked }: Asked) {
  const submission = admitted(deps, uid, asked, []);
  const { cores, memoryMb, gpus, timeLimitMs } = submission;
  const notes = notesOn(asked, submission, deps.admission);
  const takes = { cores, memoryMb, gpus, timeLimitMs };
  return { id: 0, tasks: taskCountOf(submission), takes, ...(notes.length > 0 && { notes }) };
}

/** Resolves once the submission is durable; until then, it counts for the user's limits. */
export async function accept(
  deps: InvocationRoutes,
  caller: Caller,
  asked: Asked,
): Promise<Accepted> {
  const { live, store, checkpoints } = deps;
  const { uid } = caller;
  const submission = admitted(deps, uid, asked.submission, asked.inputs ?? []);
  const tasks = taskCountOf(submission);
  const folders = submission.checkpoint ? tasks : 0;
  if (folders > 0) checkpoints.admit(uid, folders);
  const digest = digestOf(uid, submission, asked.inputs, asked.packed?.sha256);
  const documentBytes = digest.documentBytes + digest.inputBytes;
  const entries = entryCountOf(submission);
  const arrived = live.arriving.make(uid, { tasks, entries, documentBytes, folders });
  try {
    for (const { of } of submission.schedule?.dependency?.on ?? [])
      if (of !== undefined) await requireDependency(store, caller, of);
    return await live.recording.run(uid, { entries, bytes: documentBytes }, () =>
      record(deps, caller, asked, { submission, digest }),
    );
  } finally {
    arrived();
  }
}

async function record(
  { live, store, dispatcher, checkpoints, documents, admission }: InvocationRoutes,
  { uid, gid, user }: Caller,
  { requestId, inputs, packed, submission: asked }: Asked,
  { submission, digest }: { readonly submission: Submission; readonly digest: SubmissionDigest },
): Promise<Accepted> {
  const made = { owner: { uid, gid, user }, submission, submittedAtMs: nowMs() };
  const { id, tasks, isNew } = await store.submit({
    requestId,
    ...made,
    ...(inputs === undefined ? {} : { inputs }),
    ...(packed === undefined ? {} : { packed }),
  });
  // A repetition of the request finds its invocations in memory, or ended. What it names may mean
  // something else by now (an alias moved): it must not take the place of what was recorded.
  if (isNew) {
    for (const { invocation, run } of newTasks(made, id))
      if (run === undefined) live.add({ invocation, digest }, null);
      else live.addRun({ invocation, digest }, run);
    documents.remember(id, submission, digest.documentBytes);
    if (submission.checkpoint) checkpoints.submitted(id, tasks);
    dispatcher.kick();
  }
  const notes = notesOn(asked, submission, admission);
  return { id, tasks, ...(notes.length > 0 && { notes }) };
}

/** Throws NOT_FOUND or NOT_ALLOWED unless the caller may wait for it. */
async function requireDependency(store: Store, caller: Caller, of: string): Promise<void> {
  const isJob = Number(of.split("_")[0]) <= maxSlurmJobId;
  if (isJob && (await firstOf(store, of)) === null)
    throw new GleanerError(
      "NOT_FOUND",
      `${of} is a job of Slurm, and a function can wait for invocations only: submit both with glean batch, or both with Slurm's sbatch`,
    );
  await theirs(store, caller, of, "wait for");
}

/** The content of a list; throws NOT_ALLOWED for another user's. */
async function piecesOf(
  deps: InvocationRoutes,
  caller: Caller,
  query: AskedOf<"list", "query">,
): Promise<Pieces> {
  const { store, live } = deps;
  const { user, ids, states, sinceMs, order, before } = query;
  if (before !== undefined && order !== "newest")
    throw new GleanerError("BAD_REQUEST", "before: only a list with order=newest has pages");
  const uid = await chosenUid(deps, caller, user, "see the invocations of");
  const filter = {
    ...(uid === undefined ? {} : { uid }),
    ...(states === undefined ? {} : { states }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(order === "newest" ? { newestFirst: true } : {}),
    ...(before === undefined ? {} : { before }),
  };
  const isOpen = states?.every((state) => state === "PENDING" || state === "RUNNING") ?? false;
  const folded = isOpen && query.tasks === "runs" ? live : null;
  if (ids !== undefined) return withReasons(live, allNamedPieces(store, ids, filter, folded));
  if (isOpen) return folded === null ? livePieces(live, filter) : foldedPieces(live, filter);
  return withReasons(live, storedPieces(store, filter));
}

async function detail(
  deps: InvocationRoutes,
  caller: Caller,
  id: string,
): Promise<InvocationDetail> {
  const invocation = await theirs(deps.store, caller, id, "see");
  const [submission, attempts] = await Promise.all([
    deps.store.submissionOf(invocation.id),
    deps.store.listAttempts(invocation.id),
  ]);
  if (submission === null)
    throw new GleanerError("NOT_FOUND", `invocation ${id} has no submission`);
  const { environment: _, ...shown } = submission;
  return { invocation, submission: shown, attempts };
}

/** Resolves with all of it once it has ended, or at the timeout with one that has not. */
async function wait(
  { store, live, waiters, deserted }: InvocationRoutes & { readonly deserted: DesertedRuns },
  caller: Caller,
  id: string,
  timeoutMs: number,
  reply: FastifyReply,
): Promise<Pieces> {
  const first = await theirs(store, caller, id, "wait for");
  const isArray = namesArray(id, first);
  const awaited: Awaited = isArray
    ? { kind: "array", id: first.arrayJobId! }
    : { kind: "invocation", id: first.id };
  const gone = goneSignal(reply);
  await waiters.untilEnded(awaited, timeoutMs, gone);
  // A client behind a network that was cut closes nothing: it does not ask again.
  if (!isArray) deserted.left(first.id);
  if (waiters.hasEnded(awaited)) return namedPieces(store, id, {});
  const open = isArray ? live.oneOf(awaited.id) : live.get(awaited.id);
  return onePiece(open === undefined ? [] : [open.invocation]);
}

async function* onePiece(invocations: readonly Invocation[]): Pieces {
  yield invocations;
}
