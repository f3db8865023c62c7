// Whose records a request names: users are identified by uid, and names are resolved to one.

import type { Store } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import { namesArray } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import { uidIn } from "../../model/user.js";
import type { Accounts } from "../auth/accounts.js";
import { firstOf } from "../invocations/first-of.js";
import type { Caller } from "./server/caller.js";

export interface UserNames {
  readonly accounts: Pick<Accounts, "byName">;
  readonly store: Pick<Store, "uidNamed">;
}

/**
 * The uid that -u stands for; undefined for everybody's. A name means the user who has it now; a
 * name that the system does not know (any more) means the user who submitted under it last. Throws
 * NOT_ALLOWED unless it is the caller's own or the caller is an operator (`verb` names the action),
 * and NOT_FOUND for a name that nobody ever had.
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
    throw new GleanerError("NOT_ALLOWED", `${caller.user} may not ${verb} ${user}: omit -u`);
  }
  return user === undefined ? undefined : uidOf({ accounts, store }, user);
}

/** The uid that a name or uid stands for; throws NOT_FOUND for a name that nobody ever had. */
export async function uidOf({ accounts, store }: UserNames, user: string): Promise<number> {
  const named = uidIn(user);
  if (named !== null) return named;
  // If the directories do not answer, the records still do.
  const account = await accounts.byName(user).catch(() => null);
  const uid = account === null ? await store.uidNamed(user) : account.uid;
  if (uid === null)
    throw new GleanerError(
      "NOT_FOUND",
      `no user has the name ${user}, and nobody submitted under it: check it, or give the uid`,
    );
  return uid;
}

/** The first invocation of an id, if the caller may access it; throws NOT_FOUND or NOT_ALLOWED. */
export async function theirs(
  store: Store,
  caller: Caller,
  id: string,
  verb: string,
): Promise<Invocation> {
  const first = await firstOf(store, id);
  if (first === null)
    throw new GleanerError(
      "NOT_FOUND",
      `there is no invocation ${id}: check the id with glean acct`,
    );
  // The tasks of an array have one owner.
  if (first.owner.uid !== caller.uid && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `invocation ${id} belongs to another user: ${caller.user} may not ${verb} it`,
    );
  return first;
}

/** As `theirs`; throws BAD_REQUEST for a map, which has many. */
export async function theirCall(
  store: Store,
  caller: Caller,
  id: string,
  verb: string,
): Promise<Invocation> {
  const found = await theirs(store, caller, id, verb);
  if (namesArray(id, found))
    throw new GleanerError("BAD_REQUEST", `${id} is a map: name one of its calls, such as ${id}_0`);
  return found;
}
