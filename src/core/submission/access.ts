// Who may run functions at all: the site's lists, and no users of services unless they are named.

import { isNamed, labelOf } from "../../model/user.js";

export interface AccessLists {
  /** Names or uids. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Slurm's. */
  readonly accounts: readonly string[];
}

export interface AccessPolicy {
  /** Nobody listed: everybody. */
  readonly allow: AccessLists;
  readonly deny: AccessLists;
  /** Users below it belong to services. */
  readonly minimumUid: number;
  /** Those of them that may run functions all the same. */
  readonly serviceUsers: readonly string[];
}

/** What the system and Slurm know of somebody. */
export interface AccessFacts {
  readonly uid: number;
  readonly user: string;
  /** null: the system does not know the uid. */
  readonly shell: string | null;
  readonly groups: readonly string[];
  readonly accounts: readonly string[];
}

/** Shells of users who are not meant to log in. */
const noShells: ReadonlySet<string> = new Set(
  ["nologin", "false"].flatMap((name) =>
    ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"].map((at) => at + name),
  ),
);

/** null when they may run functions; else one sentence. Denied goes before allowed. */
export function accessProblemOf(facts: AccessFacts, policy: AccessPolicy): string | null {
  const who = labelOf(facts.user, facts.uid);
  const denied = firstMatch(facts, policy.deny);
  if (denied !== null)
    return `${who} may not run functions here, since access.deny names ${denied}: ask your administrator`;
  const service = serviceProblemOf(facts, policy);
  if (service !== null)
    return `${who} may not run functions here, since ${service}: ask your administrator to add the user to access.serviceUsers`;
  const { users, groups, accounts } = policy.allow;
  const isOpen = users.length + groups.length + accounts.length === 0;
  if (isOpen || firstMatch(facts, policy.allow) !== null) return null;
  return `${who} may not run functions here, since access.allow names neither the user nor a group or Slurm account of theirs: ask your administrator`;
}

function serviceProblemOf(facts: AccessFacts, policy: AccessPolicy): string | null {
  if (policy.serviceUsers.some((each) => isNamed(facts, each))) return null;
  if (facts.uid < policy.minimumUid)
    return `uid ${facts.uid} is below access.minimumUid (${policy.minimumUid}), as those of services are`;
  if (facts.shell !== null && noShells.has(facts.shell))
    return `its shell is ${facts.shell}, as those of services are`;
  return null;
}

function firstMatch(facts: AccessFacts, lists: AccessLists): string | null {
  const user = lists.users.find((each) => isNamed(facts, each));
  if (user !== undefined) return `user ${user}`;
  const group = lists.groups.find((each) => facts.groups.includes(each));
  if (group !== undefined) return `group ${group}`;
  const account = lists.accounts.find((each) => facts.accounts.includes(each));
  return account === undefined ? null : `Slurm account ${account}`;
}
