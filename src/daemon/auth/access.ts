// Admits users who submit: gathers only the facts on which access.allow and access.deny depend.

import {
  type AccessFacts,
  type AccessPolicy,
  accessProblemOf,
} from "../../core/submission/access.js";
import { GleanerError } from "../../model/errors.js";
import type { Identity } from "../../model/invocation.js";
import type { Accounts } from "./accounts.js";

export class Access {
  constructor(
    private readonly accounts: Pick<Accounts, "byUid" | "groupsOf" | "slurmAccountsOf">,
    private readonly policy: AccessPolicy,
  ) {}

  /**
   * Throws NOT_ALLOWED with the reason, or UNREACHABLE if the required user directories do not
   * answer: a user who may be denied is not admitted. For root see access.allowRootFunctions; the
   * user that gleanerd runs as is its operator.
   */
  async require({ uid, user }: Identity): Promise<void> {
    if (uid === 0 || uid === process.geteuid!()) return;
    const { allow, deny } = this.policy;
    const account = await this.accounts.byUid(uid);
    const byGroup = allow.groups.length + deny.groups.length > 0;
    const byAccount = allow.accounts.length + deny.accounts.length > 0;
    const facts: AccessFacts = {
      uid,
      user: account?.name ?? user,
      shell: account?.shell ?? null,
      groups: byGroup && account !== null ? await this.accounts.groupsOf(account) : [],
      accounts: byAccount && account !== null ? await this.accounts.slurmAccountsOf(account) : [],
    };
    const problem = accessProblemOf(facts, this.policy);
    if (problem !== null) throw new GleanerError("NOT_ALLOWED", problem);
  }
}
