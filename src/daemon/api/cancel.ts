// The request to cancel, by ids or by a filter: waiting invocations end in one transaction, and
// executors are told to cancel running ones.

import { setImmediate } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import { invocationId } from "../../model/ids.js";
import type { AskedOf, CancelAnswer } from "../../wire/api/types.js";
import type { Executors } from "../executors/executors.js";
import { endWithdrawn, perTurn } from "../invocations/withdrawal.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import type { Caller } from "./server/caller.js";
import { chosenUid, theirs, type UserNames } from "./users.js";

export interface CancelRoutes extends UserNames {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly executors: Executors;
}

type Request = AskedOf<"cancel", "body">;
interface CancelFilter {
  readonly uid: number | undefined;
  readonly state: Request["state"];
  readonly name: Request["name"];
}

export async function cancel(
  deps: CancelRoutes,
  caller: Caller,
  body: Request,
): Promise<CancelAnswer> {
  const problems: string[] = [];
  const chosen = new Set<Live>();
  for (const id of new Set(body.ids))
    try {
      for (const each of await named(deps, caller, id)) chosen.add(each);
    } catch (thrown) {
      if (!(thrown instanceof GleanerError)) throw thrown;
      problems.push(thrown.message);
    }
  const { ids, user, state, name } = body;
  if (ids.length === 0 && user === undefined && state === undefined && name === undefined)
    throw new GleanerError("BAD_REQUEST", "nothing selected to cancel: give ids, -u, -t or -n");
  const uid = await chosenUid(deps, caller, user, "cancel the invocations of");
  const filter = { uid, state, name };
  if (ids.length === 0) for (const each of matching(deps.live, filter)) chosen.add(each);
  const filtered = [...chosen].filter((each) => matches(each, filter));
  return { cancelled: await cancelAll(deps, caller, filtered), problems };
}

/**
 * The invocations of an id that are not final; throws one sentence if there are none, or if they
 * are not the caller's.
 */
async function named(
  { live, store }: CancelRoutes,
  caller: Caller,
  id: string,
): Promise<readonly Live[]> {
  const first = await theirs(store, caller, id, "cancel");
  const tasks = id.includes("_") ? [] : [...live.tasksOf(invocationId(Number(id)))];
  if (tasks.length > 0) return tasks;
  const single = live.get(first.id);
  if (single === undefined || (first.arrayJobId !== null && !id.includes("_")))
    throw new GleanerError("NOT_FOUND", `${id} has already ended`);
  return [single];
}

const matches = ({ owner, state, name }: Live, filter: CancelFilter): boolean =>
  (filter.uid === undefined || owner.uid === filter.uid) &&
  (filter.state === undefined || state === filter.state) &&
  (filter.name === undefined || name === filter.name);

/** All live invocations that a filter without ids selects. */
const matching = (live: LiveInvocations, { uid }: CancelFilter): Iterable<Live> =>
  uid === undefined ? live.all() : live.of(uid).all;

/** Returns how many are cancelled or about to be. */
async function cancelAll(
  deps: CancelRoutes,
  caller: Caller,
  chosen: readonly Live[],
): Promise<number> {
  const { live } = deps;
  const reason = `cancelled by ${caller.user}`;
  const withdrawn: Live[] = [];
  let cancelled = 0;
  for (const [at, each] of chosen.entries()) {
    if (at % perTurn === perTurn - 1) await new Promise<void>((resolve) => setImmediate(resolve));
    const { id, state } = each;
    if (live.get(id) !== each) continue;
    cancelled++;
    if (state === "RUNNING") cancelRunning(deps, each);
    // Another request is cancelling a pending invocation that is not in the queue.
    else if (live.queue.has(id)) {
      live.withdraw(each);
      withdrawn.push(each);
    }
  }
  await endWithdrawn(deps, withdrawn, "CANCELLED", reason);
  return cancelled;
}

function cancelRunning({ live: all, registry, executors }: CancelRoutes, live: Live): void {
  live.cancelRequested = true;
  const assignment = all.assignments.get(live.id);
  const record = assignment && registry.get(assignment.executor);
  if (record !== undefined) executors.cancel(record, assignment!);
}
