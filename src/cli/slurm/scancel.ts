// Acts as scancel: the same options, messages and exit status, for invocations.

import { GleanerError } from "../../model/errors.js";
import { maxNamedIds } from "../../sdk/index.js";
import { type Context, exitStatus } from "../context.js";
import { chosenUser, parseStates } from "../filters.js";
import { newestOf } from "../newest.js";
import { complain } from "../output.js";
import { parseIds, quoted } from "../values.js";
import { isOurPartition, listOrNone, own } from "./site.js";
import { readWords, type Words } from "./words.js";

const mostIds = 1_000_000;

export async function scancel(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("scancel", given);
  requireKill(words);
  if (!isOurPartition(words.get("partition"))) return exitStatus.done;
  // A step, such as 42.batch, is part of its invocation.
  const named = words.operands.flatMap((each) => each.split(/\s+/)).filter(Boolean);
  const ids = parseIds(
    named.map((each) => each.replace(/\.\w+$/, "")),
    mostIds,
  );
  const state = words.get("state");
  const states = state === undefined ? [undefined] : parseStates(state, "-t").own;
  const name = words.get("jobname") ?? words.get("name");
  const nodes = listOrNone(words.get("nodelist"));
  const user = words.get("user");
  const filter = {
    ...(words.has("me") ? own : chosenUser(user === undefined ? {} : { user })),
    ...(name !== undefined && { name }),
  };
  const isFiltered = Object.keys(filter).length > 0 || state !== undefined || nodes !== null;
  if (ids.length === 0 && !isFiltered)
    throw new GleanerError("BAD_REQUEST", "No job identification provided");
  const client = await context.client();
  const selected = nodes === null ? ids : await onNodes(context, nodes, ids);
  if (nodes !== null && selected.length === 0) return exitStatus.done;
  const problems: string[] = [];
  for (const one of states)
    for (const some of portionsOf([...new Set(selected)])) {
      const request = { ids: some, ...filter, ...(one !== undefined && { state: one }) };
      problems.push(...(await client.cancel(request)).problems);
    }
  if (!words.has("quiet")) for (const problem of problems) complain(`error: ${problem}`, "scancel");
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}

/** Gleaner ends a function; it passes no other signals on. */
function requireKill(words: Words): void {
  const signal = words.get("signal");
  if (signal === undefined || /^(SIG)?KILL$|^9$/i.test(signal)) return;
  throw new GleanerError(
    "BAD_REQUEST",
    `--signal ${quoted(signal)}: Gleaner sends no signals to what runs: omit it to cancel, or ask for a notice with sbatch --signal`,
  );
}

/** The ids of what runs on some nodes. */
async function onNodes(
  context: Context,
  nodes: readonly string[],
  ids: readonly string[],
): Promise<string[]> {
  const { invocations } = await newestOf(await context.client(), {
    ...(ids.length > 0 && { ids: ids.join(",") }),
    states: "RUNNING",
  });
  return invocations
    .filter(({ node }) => node !== null && nodes.includes(node))
    .map(({ id }) => String(id));
}

/** As many ids as one request may name; one empty portion if there are none. */
function* portionsOf(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at === 0 || at < ids.length; at += maxNamedIds)
    yield ids.slice(at, at + maxNamedIds);
}
