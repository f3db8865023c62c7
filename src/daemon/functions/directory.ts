// Finds functions for users: by owner and name, by what is shared with them, and the version that a
// reference selects.

import type {
  FunctionRecord,
  FunctionVersion,
  FunctionVersionRow,
} from "../../core/ports/functions.js";
import type { Store } from "../../core/ports/store.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionRef, VersionSelector } from "../../model/functions/reference.js";
import { shownVersion } from "../../model/functions/reference.js";
import { groupOf, type Sharing } from "../../model/functions/settings.js";
import type { Identity } from "../../model/invocation.js";
import { uidIn } from "../../model/user.js";
import type { Accounts } from "../auth/accounts.js";
import type { Catalog } from "./catalog.js";

export interface DirectoryDependencies {
  readonly catalog: Pick<Catalog, "find" | "version">;
  readonly accounts: Pick<Accounts, "byName" | "byUid" | "groupsOf" | "groupNamed">;
  readonly store: Pick<Store, "uidNamed">;
}

export class Directory {
  constructor(private readonly deps: DirectoryDependencies) {}

  /**
   * The version that a user's call of `ref` runs. Rejects with NOT_FOUND if there is none that this
   * user may call; being an operator makes no difference.
   */
  async resolve(caller: Identity, ref: FunctionRef): Promise<FunctionVersion> {
    const record = await this.find(caller, ref.owner, ref.name, false);
    const selected = select(record, ref.selector);
    const version = await this.deps.catalog.version(selected.key);
    if (version === null)
      throw new GleanerError(
        "NOT_FOUND",
        `version ${shownVersion(selected.version)} of ${ref.name} was removed meanwhile: call another one`,
      );
    return version;
  }

  /**
   * A function that a user may see: their own, one that is shared with them, or any if `sees` is
   * true. Who may not see it cannot tell whether it exists.
   */
  async find(
    caller: Identity,
    owner: string | null,
    name: string,
    seesAll: boolean,
  ): Promise<FunctionRecord> {
    const uid = owner === null ? caller.uid : await this.uidOf(caller, owner);
    const record = uid === null ? null : await this.deps.catalog.find(uid, name);
    if (record !== null && (seesAll || (await this.maySee(caller, record)))) return record;
    if (uid === caller.uid)
      throw new GleanerError(
        "NOT_FOUND",
        `you have no function ${name}: deploy it with glean function deploy, or check the name with glean function list`,
      );
    throw new GleanerError(
      "NOT_FOUND",
      `${owner} has no function ${name} that is shared with ${caller.user}: check the name, or ask ${owner} to share it (glean function share)`,
    );
  }

  /** The Unix groups of a user; none if the directories do not know the uid. */
  async groupsOf({ uid }: Pick<Identity, "uid">): Promise<readonly string[]> {
    const account = await this.deps.accounts.byUid(uid);
    return account === null ? [] : this.deps.accounts.groupsOf(account);
  }

  /** Throws NOT_FOUND if `sharing` names a group of which nobody can be a member. */
  async requireGroup(sharing: Sharing): Promise<void> {
    const group = groupOf(sharing);
    if (group === null) return;
    const known = await this.deps.accounts.groupNamed(group);
    if (known === group) return;
    throw new GleanerError(
      "NOT_FOUND",
      known === null
        ? `there is no Unix group ${group} where gleanerd runs: check the name with id -Gn`
        : `the Unix group ${group} has the name ${known}: share with group:${known}`,
    );
  }

  private async maySee(caller: Identity, { owner, sharing }: FunctionRecord): Promise<boolean> {
    if (owner.uid === caller.uid || sharing === "all") return true;
    const group = groupOf(sharing);
    return group !== null && (await this.groupsOf(caller)).includes(group);
  }

  /** The user who has the name now, or who deployed or submitted under it last. */
  private async uidOf(caller: Identity, owner: string): Promise<number | null> {
    if (owner === caller.user) return caller.uid;
    const named = uidIn(owner);
    if (named !== null) return named;
    const account = await this.deps.accounts.byName(owner).catch(() => null);
    return account === null ? this.deps.store.uidNamed(owner) : account.uid;
  }
}

/** Throws NOT_FOUND, or BAD_REQUEST if several versions begin with the digits. */
export function select(record: FunctionRecord, selector: VersionSelector): FunctionVersionRow {
  const { name, aliases, versions } = record;
  if (selector.kind === "alias") {
    const found = aliases.find(({ alias }) => alias === selector.alias);
    const version = found && versions.find(({ version }) => version === found.version);
    if (version !== undefined) return version;
    const known = aliases.map(({ alias }) => alias).slice(0, 10);
    throw new GleanerError(
      "NOT_FOUND",
      `${name} has no alias ${selector.alias}: it has ${known.join(", ")}`,
    );
  }
  const [found, ...more] = versions.filter(({ version }) => version.startsWith(selector.prefix));
  if (found === undefined)
    throw new GleanerError(
      "NOT_FOUND",
      `${name} has no version ${selector.prefix}: see glean function show ${name}`,
    );
  if (more.length > 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `${more.length + 1} versions of ${name} begin with ${selector.prefix}: give more digits`,
    );
  return found;
}
