// Cancels what scancel's options choose, or sends it a signal: for `glean cancel`, and for scancel
// itself.

import { constants } from "node:os";
import { GleanerError } from "../../model/errors.js";
import { submissionIdOf } from "../../model/invocation.js";
import { type CancelRequest, type GleanerClient, maxNamedIds } from "../../sdk/index.js";
import { membersOf, nodesOrNone, parseStates } from "../filters.js";
import { pagesOf } from "../newest.js";
import { parseIds, quoted, signalNumber } from "../values.js";
import { isOurPartition } from "./site.js";
import { asNamed } from "./submissions.js";

/** More do not fit on a command line. */
const mostIds = 1_000_000;

export interface Choice {
  /** As they were written: 42, 42_7, 42_[1-5], 42.batch. */
  readonly ids: readonly string[];
  readonly user?: string;
  readonly name?: string;
  readonly state?: string;
  readonly nodelist?: string;
  readonly account?: string;
  readonly partition?: string;
  readonly signal?: string;
  /** Only the script gets the signal. */
  readonly batch?: boolean;
  /** The script gets it, too, and all that it started. */
  readonly full?: boolean;
  /** Whether an id that no invocation has is ignored, unless a signal is for it. */
  readonly skipUnknown?: boolean;
  /** Whether a QOS, reservation or the like is named, of which invocations have none. */
  readonly isForeign: boolean;
}

type Signal = NonNullable<CancelRequest["signal"]>;

export interface Cancelled {
  readonly cancelled: number;
  readonly problems: readonly string[];
}

/** `none`: what to say if nothing is chosen, as BAD_REQUEST. */
export async function cancelChosen(
  client: () => Promise<GleanerClient>,
  choice: Choice,
  none: string,
): Promise<Cancelled> {
  const { user, name, state, nodelist, account, partition, isForeign } = choice;
  refuseEmpty(choice);
  const named = namedIn(choice);
  const states = state === undefined ? [undefined] : parseStates(state, "-t").own;
  const isFiltered = [user, name, state, nodelist, account, partition].some(
    (each) => each !== undefined,
  );
  if (choice.ids.length === 0 && !isFiltered && !isForeign)
    throw new GleanerError("BAD_REQUEST", none);
  const answer = { cancelled: 0, problems: [] as string[] };
  if (isForeign) return answer;
  const connected = await client();
  for (const each of named) {
    const ids = needsLook(choice, each) ? await lookedFor(connected, choice, each.ids) : each.ids;
    if (needsLook(choice, each) && ids.length === 0) continue;
    for (const request of requestsFor(choice, states, { ...each, ids })) {
      const { cancelled, problems } = await connected.cancel(request);
      answer.cancelled += cancelled;
      answer.problems.push(...problems);
    }
  }
  return answer;
}

/** Whether ids must be looked up first: a request has no node, account or partition. */
function needsLook({ nodelist, account, partition }: Choice, { ids }: Named): boolean {
  if (nodelist !== undefined || account !== undefined) return true;
  return partition !== undefined && (ids.length === 0 || !isOurPartition(partition));
}

/** One for each state and portion of the ids. */
function* requestsFor(
  { user, name, skipUnknown }: Choice,
  states: readonly CancelRequest["state"][],
  { ids, signal }: Named,
): Generator<CancelRequest> {
  for (const state of states)
    for (const some of portionsOf(ids))
      yield {
        ids: some,
        ...(user !== undefined && { user }),
        ...(name !== undefined && { name }),
        ...(state !== undefined && { state }),
        ...(signal !== undefined && { signal }),
        ...(skipUnknown && signal === undefined && { skipUnknown: true }),
      };
}

/** An empty value is a mistake, such as a shell's variable that is not set: it names nothing. */
function refuseEmpty({ user, name, state, nodelist, account, partition }: Choice): void {
  const given = { u: user, n: name, t: state, w: nodelist, A: account, p: partition };
  for (const [letter, text] of Object.entries(given))
    if (text !== undefined && membersOf(text).length === 0)
      throw new GleanerError(
        "BAD_REQUEST",
        `-${letter} ${quoted(text)} names nothing, so nothing is cancelled: give a value, or omit -${letter}`,
      );
}

interface Named {
  readonly ids: readonly string[];
  /** If omitted, they are cancelled. */
  readonly signal: Signal | undefined;
}

/** The ids, apart from those of steps, which get a signal: 42.0 its tasks, 42.batch the script. */
function namedIn(choice: Choice): Named[] {
  const texts = choice.ids.flatMap((each) => each.split(/,(?![^[]*\])/));
  const [whole, batch, steps]: string[][] = [[], [], []];
  for (const text of texts) {
    const [, id, step] = /^(.*)\.(\w+)$/.exec(text) ?? [];
    if (id === undefined) whole!.push(text);
    else (step === "batch" ? batch! : steps!).push(id);
  }
  const idsOf = (some: readonly string[]) => [...new Set(parseIds(some, mostIds))];
  const number = choice.signal === undefined ? null : numberOf(choice.signal);
  const named = [
    { ids: idsOf(whole!), signal: signalFor(number, choice) },
    { ids: idsOf(batch!), signal: { number: number ?? kill, to: "script" } as const },
    { ids: idsOf(steps!), signal: { number: number ?? kill, to: "steps" } as const },
  ];
  return texts.length === 0 ? named.slice(0, 1) : named.filter(({ ids }) => ids.length > 0);
}

const kill = constants.signals.SIGKILL;

/** undefined: what is chosen is cancelled, as without a signal. */
function signalFor(number: number | null, { batch, full }: Choice): Signal | undefined {
  if (batch) return { number: number ?? kill, to: "script" };
  if (number === null || number === kill) return undefined;
  return { number, to: full ? "all" : "steps" };
}

function numberOf(text: string): number {
  const number = signalNumber(text);
  if (number !== null) return number;
  throw new GleanerError(
    "BAD_REQUEST",
    `--signal ${quoted(text)}: expected a signal, such as USR1, TERM or INT, or its number`,
  );
}

/** The ids of what runs on some nodes, or of what named an account or a partition. */
async function lookedFor(
  client: GleanerClient,
  { nodelist, account, partition, user }: Choice,
  ids: readonly string[],
): Promise<string[]> {
  const nodes = nodesOrNone(nodelist);
  // The tasks of an array named the same, so that its id is as good as theirs.
  const isByArray = nodes === null && ids.length === 0;
  const found = new Set<string>();
  for (const some of portionsOf(ids)) {
    const pages = pagesOf(client, {
      ...(some.length > 0 && { ids: some.join(",") }),
      ...(isByArray && { tasks: "runs" as const }),
      ...(user !== undefined && { user }),
      states: nodes === null ? "PENDING,RUNNING" : "RUNNING",
    });
    for await (const page of pages) {
      const there = page.filter(({ node }) => nodes === null || nodes.has(node));
      for (const each of await asNamed(client, there, { account, partition }))
        found.add(String(isByArray ? submissionIdOf(each) : each.id));
    }
  }
  return [...found];
}

/** As many ids as one request may name; one empty portion if there are none. */
function* portionsOf(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at === 0 || at < ids.length; at += maxNamedIds)
    yield ids.slice(at, at + maxNamedIds);
}
