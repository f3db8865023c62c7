// How the tasks of a map ended: for clients that take results as they come.

import { monotonicMs } from "../../clock.js";
import type { KeptEnd } from "../../core/ports/answers.js";
import type { Store } from "../../core/ports/store.js";
import { type CallAnswer, inlineBytes } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import { type InvocationId, invocationId, namesArray } from "../../model/ids.js";
import { isFinal, submissionIdOf } from "../../model/invocation.js";
import { maxOutcomesAsked } from "../../wire/api/limits.js";
import { answerText } from "../../wire/api/shapes/calls.js";
import type { AnswerOf, AskedOf, Outcome } from "../../wire/api/types.js";
import type { Waiters } from "../invocations/waiters.js";
import type { LiveInvocations } from "../state/live.js";
import type { Caller } from "./server/caller.js";
import { theirs } from "./users.js";

/** The results in one answer end after this size: a client reads it in one go. */
const maxAnswerBytes = 4 * 1024 * 1024;
const maxListed = 1_000;
const pieceTasks = 100;

export interface OutcomeParts {
  readonly store: Store;
  readonly live: Pick<LiveInvocations, "has">;
  readonly waiters: Pick<Waiters, "untilEnded" | "untilNextEnd">;
}

/** The tasks that are asked for, as invocations. */
interface AskedTasks {
  readonly first: InvocationId;
  readonly isMap: boolean;
  readonly numbers: readonly number[];
}

/** Resolves once a task that is asked for has ended, or after waitMs. */
export async function listOutcomes(
  { store, live, waiters }: OutcomeParts,
  caller: Caller,
  { id, tasks, waitMs }: AskedOf<"outcomes", "query"> & { readonly id: string },
  signal: AbortSignal,
): Promise<Outcome[]> {
  const found = await theirs(store, caller, id, "see the outcome of");
  const isMap = namesArray(id, found);
  const first = isMap ? found.arrayJobId! : found.id;
  const numbers = numbersIn(tasks, isMap ? await store.tasksOf(first) : 1);
  const asked: AskedTasks = { first, isMap, numbers };
  const untilMs = monotonicMs() + waitMs;
  for (;;) {
    const ended = numbers.filter((task) => !live.has(invocationId(first + task)));
    if (ended.length > 0)
      return (await readTasks(store, { ...asked, numbers: ended.slice(0, maxListed) })).outcomes;
    const leftMs = untilMs - monotonicMs();
    if (leftMs <= 0 || signal.aborted) return [];
    if (isMap) await waiters.untilNextEnd(first, leftMs, signal);
    else await waiters.untilEnded({ kind: "invocation", id: first }, leftMs, signal);
  }
}

/** The answers of a map after a task, as many as one answer may hold. */
export async function listAnswers(
  store: Store,
  caller: Caller,
  id: string,
  { after, limit }: AskedOf<"answers", "query">,
): Promise<AnswerOf<"answers">> {
  const first = await theirs(store, caller, id, "see the answers of");
  if (!namesArray(id, first))
    throw new GleanerError("BAD_REQUEST", `${id} is not a map: ask for its answer instead`);
  const firstId = submissionIdOf(first);
  const tasks = await store.tasksOf(firstId);
  const lastId = firstId + tasks - 1;
  const answers: AnswerOf<"answers">["answers"][number][] = [];
  let bytes = 0;
  let next = firstId + after + 1;
  while (answers.length < limit && bytes < maxAnswerBytes) {
    const most = Math.min(pieceTasks, limit - answers.length);
    const found = await store.listAnswers(next, lastId, most);
    for (const { invocation, answer } of found) {
      answers.push({ task: invocation - firstId, answer: answerText(answer) });
      bytes += resultBytes(answer);
    }
    if (found.length < most) return { answers, next: null };
    next = found.at(-1)!.invocation + 1;
  }
  return { answers, next: next - 1 - firstId };
}

/** `0-2,7` as numbers; throws BAD_REQUEST for one that the map does not have. */
function numbersIn(text: string, tasks: number): number[] {
  const numbers = new Set<number>();
  for (const range of text.split(",")) {
    const [from, to = from] = range.split("-").map(Number) as [number, number?];
    if (to >= tasks || to < from)
      throw new GleanerError(
        "BAD_REQUEST",
        `tasks: ${range} is no range of the ${tasks} tasks: they are numbered from 0`,
      );
    if (numbers.size + to - from >= maxOutcomesAsked)
      throw new GleanerError(
        "BAD_REQUEST",
        `tasks: more than ${maxOutcomesAsked} are named: ask for fewer at a time`,
      );
    for (let number = from; number <= to; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** In their order as many of the tasks, which have ended, as an answer may hold: `read` of them. */
export async function readTasks(
  store: Store,
  { first, numbers }: Pick<AskedTasks, "first" | "numbers">,
): Promise<{ readonly outcomes: Outcome[]; readonly read: number }> {
  const outcomes: Outcome[] = [];
  let bytes = 0;
  let at = 0;
  for (; at < numbers.length && bytes < maxAnswerBytes; at += pieceTasks) {
    const ids = numbers.slice(at, at + pieceTasks).map((task) => invocationId(first + task));
    const found = await endsOf(store, ids);
    for (const { id, state, reason, answer } of ids.flatMap((each) => found.get(each) ?? [])) {
      const text = answer === null ? null : answerText(answer);
      outcomes.push({ task: id - first, state, reason, answer: text });
      bytes += answer === null ? 0 : resultBytes(answer);
    }
  }
  return { outcomes, read: Math.min(at, numbers.length) };
}

const resultBytes = (answer: CallAnswer): number =>
  answer.kind === "result" ? inlineBytes(answer.payload) : 0;

/** One question for each run of ids without a gap, and one for those that nobody tried to run. */
async function endsOf(
  store: Store,
  ids: readonly InvocationId[],
): Promise<Map<InvocationId, KeptEnd>> {
  const runs: [InvocationId, InvocationId][] = [];
  for (const id of ids) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === id - 1) last[1] = id;
    else runs.push([id, id]);
  }
  const found = await Promise.all(runs.map(([from, to]) => store.listEnds(from, to)));
  const ends = new Map(found.flat().map((each) => [each.id, each]));
  const others = ids.filter((id) => !ends.has(id));
  if (others.length === 0) return ends;
  const listed = await store.listInvocations({ ids: others, limit: others.length });
  for (const { id, state, reason } of listed)
    if (isFinal(state)) ends.set(id, { id, state, reason, answer: null });
  return ends;
}
