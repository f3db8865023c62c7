// Who a request comes from, what its failure is called, and what the audit log keeps of it: the
// same for requests over HTTP and for calls on a connection of their own.

import type { Logger } from "pino";
import { nowMs } from "../../../clock.js";
import { LogRateLimit } from "../../../limits/rate-limit.js";
import { GleanerError } from "../../../model/errors.js";
import type { Identity } from "../../../model/invocation.js";
import { isNamed } from "../../../model/user.js";
import type { Act, Audit } from "../../auth/audit.js";
import type { TokenEpochs } from "../../auth/token-epochs.js";
import type { Secrets } from "../../auth/tokens.js";
import type { Caller } from "./caller.js";

export interface GateDependencies {
  readonly secrets: Pick<Secrets, "readToken">;
  readonly operators: readonly string[];
  readonly epochs: Pick<TokenEpochs, "of">;
  readonly audit: Pick<Audit, "note">;
  readonly log: Logger;
}

export type Sentence = Pick<GleanerError, "code" | "message">;

export class Gate {
  private readonly internal = new LogRateLimit();

  constructor(private readonly deps: GateDependencies) {}

  /** Throws NOT_IDENTIFIED unless the header has a token that is valid now. */
  callerBy(authorization: string | undefined): Caller {
    const { secrets, epochs } = this.deps;
    const identity = secrets.readToken(bearerIn(authorization), nowMs(), (uid) => epochs.of(uid));
    return this.callerOf(identity);
  }

  callerOf(identity: Identity): Caller {
    return { ...identity, operator: isOperator(identity, this.deps.operators) };
  }

  note(caller: Caller, source: string, act: Act): void {
    this.deps.audit.note(caller, source, act);
  }

  /**
   * The failure as its user is told; `known`: as the HTTP server has it. A bug is logged, and a
   * refusal noted.
   */
  sentenceOf(
    thrown: unknown,
    { caller, source, subject }: { caller: Caller | undefined; source: string; subject: string },
    known: Sentence | null = thrown instanceof GleanerError ? thrown : null,
  ): Sentence {
    if (known === null) {
      this.internal.say((suppressed) =>
        this.deps.log.error({ cause: thrown, suppressed }, "internal error in a request"),
      );
      return { code: "STORE", message: "internal error: see gleanerd's log" };
    }
    const { code, message } = known;
    // Somebody requested something they are not permitted to do.
    if (code === "NOT_ALLOWED" && caller !== undefined)
      this.note(caller, source, { action: "refuse", subject, detail: message });
    return { code, message };
  }
}

const isOperator = (identity: Identity, operators: readonly string[]): boolean =>
  identity.uid === 0 ||
  identity.uid === process.geteuid!() ||
  operators.some((operator) => isNamed(identity, operator));

function bearerIn(authorization: string | undefined): string {
  const match = /^Bearer ([\w.-]+)$/.exec(authorization ?? "");
  if (match === null)
    throw new GleanerError("NOT_IDENTIFIED", "the request has no token: get one at /v1/token");
  return match[1]!;
}
