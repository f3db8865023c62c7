// Whose records a request names: users are told apart by uid, and a name is looked up to find one.

import type { Store } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import type { Invocation } from "../../model/invocation.js";
import { uidIn } from "../../model/user.js";
import type { Accounts } from "../auth/accounts.js";
import { firstOf } from "./listing.js";
import type { Caller } from "./server/caller.js";

export interface UserNames {
  readonly accounts: Pick<Accounts, "byName">;
  readonly store: Pick<Store, "uidNamed">;
}

/**
 * The uid that -u stands for; undefined: everybody's. A name is that of the user who has it now; one that the system
 * does not know (any more) is that of whoever submitted under it last. Throws NOT_ALLOWED unless it is the caller's
 * own, or the caller is an operator (`verb` says what for), and NOT_FOUND for a name that nobody ever had.
 */
export async function chosenUid(
  { accounts, store }: UserNames,
  caller: Caller,
  user: string | undefined,
  verb: string,
): Promise<number | undefined> {
  const isOwn = user === undefined || user === caller.user || user === String(caller.uid);
  if (!caller.operator) {
    if (isOwn) return caller.uid;
    throw new GleanerError("NOT_ALLOWED", `${caller.user} may not ${verb} ${user}: leave out -u`);
  }
  if (user === undefined) return undefined;
  const named = uidIn(user);
  if (named !== null) return named;
  // Where the directories do not answer, the records still do.
  const account = await accounts.byName(user).catch(() => null);
  const uid = account === null ? await store.uidNamed(user) : account.uid;
  if (uid === null)
    throw new GleanerError(
      "NOT_FOUND",
      `no user is called ${user}, and nobody submitted under that name: check it, or give the uid`,
    );
  return uid;
}

/** The first of what an id names, which the caller may reach; throws NOT_FOUND or NOT_ALLOWED. */
export async function theirs(
  store: Store,
  caller: Caller,
  id: string,
  verb: string,
): Promise<Invocation> {
  const first = await firstOf(store, id);
  if (first === null)
    throw new GleanerError("NOT_FOUND", `there is no invocation ${id}: see glean acct`);
  // The tasks of an array have one owner.
  if (first.owner.uid !== caller.uid && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `invocation ${id} belongs to another user: ${caller.user} may not ${verb} it`,
    );
  return first;
}
