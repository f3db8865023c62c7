// Decides who may run functions at all: the site's lists apply, and service users must be named.

import { isNamed, labelOf } from "../../model/user.js";

export interface AccessLists {
  /** User names or uids. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Slurm accounts. */
  readonly accounts: readonly string[];
}

export interface AccessPolicy {
  /** If it names nobody, everybody is allowed. */
  readonly allow: AccessLists;
  readonly deny: AccessLists;
  /** Lower uids belong to services. */
  readonly minimumUid: number;
  /** Service users that may run functions nevertheless. */
  readonly serviceUsers: readonly string[];
}

/** What the system and Slurm know about a user. */
export interface AccessFacts {
  readonly uid: number;
  readonly user: string;
  /** null if the system does not know the uid. */
  readonly shell: string | null;
  readonly groups: readonly string[];
  readonly accounts: readonly string[];
}

/** Shells of accounts that cannot log in. */
const noShells: ReadonlySet<string> = new Set(
  ["nologin", "false"].flatMap((name) =>
    ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"].map((at) => at + name),
  ),
);

/**
 * null if the user may run functions, else one sentence. access.deny takes precedence over
 * access.allow.
 */
export function accessProblemOf(facts: AccessFacts, policy: AccessPolicy): string | null {
  const who = labelOf(facts.user, facts.uid);
  const denied = firstMatch(facts, policy.deny);
  if (denied !== null)
    return `${who} may not run functions here, because access.deny names ${denied}: ask your administrator`;
  const service = serviceProblemOf(facts, policy);
  if (service !== null)
    return `${who} may not run functions here, because ${service}: ask your administrator to add the user to access.serviceUsers`;
  const { users, groups, accounts } = policy.allow;
  const isOpen = users.length + groups.length + accounts.length === 0;
  if (isOpen || firstMatch(facts, policy.allow) !== null) return null;
  return `${who} may not run functions here, because access.allow names neither the user nor any of the user's groups or Slurm accounts: ask your administrator`;
}

function serviceProblemOf(facts: AccessFacts, policy: AccessPolicy): string | null {
  if (policy.serviceUsers.some((each) => isNamed(facts, each))) return null;
  if (facts.uid < policy.minimumUid)
    return `uid ${facts.uid} is below access.minimumUid (${policy.minimumUid}), which marks it as a service account`;
  if (facts.shell !== null && noShells.has(facts.shell))
    return `its shell is ${facts.shell}, which marks it as a service account`;
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
