// Cancels what scancel's options choose: for `glean cancel`, and for scancel itself.

import { GleanerError } from "../../model/errors.js";
import { expandHostList } from "../../model/hostlist.js";
import { type GleanerClient, maxNamedIds } from "../../sdk/index.js";
import { parseStates } from "../filters.js";
import { newestOf } from "../newest.js";
import { parseIds, quoted } from "../values.js";
import { isOurPartition } from "./site.js";

/** More do not fit on a command line. */
const mostIds = 1_000_000;

export interface Choice {
  /** As they were written: 42, 42_7, 42_[1-5], 42.batch. */
  readonly ids: readonly string[];
  readonly user?: string;
  readonly name?: string;
  readonly state?: string;
  readonly nodelist?: string;
  readonly partition?: string;
  readonly signal?: string;
  /** Whether an account, QOS, reservation or the like is named, of which invocations have none. */
  readonly isForeign: boolean;
}

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
  const { user, name, state, nodelist, partition, signal, isForeign } = choice;
  requireKill(signal);
  // A step, such as 42.batch, is part of its invocation.
  const named = choice.ids.map((each) => each.replace(/\.\w+$/, ""));
  const ids = [...new Set(parseIds(named, mostIds))];
  const states = state === undefined ? [undefined] : parseStates(state, "-t").own;
  const filter = { ...(user !== undefined && { user }), ...(name !== undefined && { name }) };
  const isFiltered = [user, name, state, nodelist, partition].some((each) => each !== undefined);
  if (ids.length === 0 && !isFiltered && !isForeign) throw new GleanerError("BAD_REQUEST", none);
  if (isForeign || !isOurPartition(partition)) return { cancelled: 0, problems: [] };
  const connected = await client();
  const selected = nodelist === undefined ? ids : await onNodes(connected, nodelist, ids);
  if (nodelist !== undefined && selected.length === 0) return { cancelled: 0, problems: [] };
  const answer = { cancelled: 0, problems: [] as string[] };
  for (const one of states)
    for (const some of portionsOf(selected)) {
      const request = { ids: some, ...filter, ...(one !== undefined && { state: one }) };
      const { cancelled, problems } = await connected.cancel(request);
      answer.cancelled += cancelled;
      answer.problems.push(...problems);
    }
  return answer;
}

/** Gleaner ends a function; it passes no other signals on. */
function requireKill(signal: string | undefined): void {
  if (signal === undefined || /^(SIG)?KILL$|^9$/i.test(signal)) return;
  throw new GleanerError(
    "BAD_REQUEST",
    `--signal ${quoted(signal)}: Gleaner sends no signals to what runs: omit it to cancel, or ask for a notice with sbatch --signal`,
  );
}

/** The ids of what runs on some nodes. */
async function onNodes(
  client: GleanerClient,
  nodelist: string,
  ids: readonly string[],
): Promise<string[]> {
  const nodes = new Set<string>(expandHostList(nodelist));
  const { invocations } = await newestOf(client, {
    ...(ids.length > 0 && { ids: ids.join(",") }),
    states: "RUNNING",
  });
  return invocations
    .filter(({ node }) => node !== null && nodes.has(node))
    .map(({ id }) => String(id));
}

/** As many ids as one request may name; one empty portion if there are none. */
function* portionsOf(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at === 0 || at < ids.length; at += maxNamedIds)
    yield ids.slice(at, at + maxNamedIds);
}
