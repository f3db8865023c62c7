// The client of gleanerd's HTTP API: one method a request, identity and renewal included.

import { setTimeout as pause } from "node:timers/promises";
import type { PredictionReport } from "../model/capacity/prediction.js";
import { GleanerError } from "../model/errors.js";
import type { LedgerCheck } from "../model/records/account.js";
import type { Utilization } from "../model/records/utilization.js";
import {
  type AuditAnswer,
  type AuditQuery,
  type BillAnswer,
  type CancelAnswer,
  type CancelRequest,
  type DoctorAnswer,
  type DrainAnswer,
  type DrainRequest,
  type ExplainAnswer,
  type HolesAnswer,
  type InfoAnswer,
  type InvocationDetail,
  type InvocationList,
  type InvocationQuery,
  maxRequestBytes,
  maxWaitMs,
  type RevokeAnswer,
  type RevokeRequest,
  type SubmitAnswer,
  type SubmitRequest,
} from "../wire/api.js";
import { BrokenOffError, type Exchange, exchange } from "./http.js";
import { type TokenOptions, Tokens } from "./tokens.js";

/** A daemon that restarts is back within these pauses; the request's id keeps a repeat from counting twice. */
const submitPausesMs = [200, 800, 2_000, 4_000];
/** What a wait's connection is given beyond the wait itself. */
const waitSlackMs = 10_000;

type Query = Readonly<Record<string, string | number | undefined>>;

/** Times are milliseconds since the epoch; both ends may be left out. */
export interface Period {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Every method rejects with a GleanerError: the daemon's own, or UNREACHABLE, PROTOCOL, NOT_IDENTIFIED. */
export class GleanerClient {
  private readonly options: TokenOptions;
  private readonly tokens: Tokens;

  constructor(options: TokenOptions) {
    this.options = options;
    this.tokens = new Tokens(options);
  }

  /** Accepted means durable. Sent again with the same id when the connection breaks half-way. */
  async submit(request: SubmitRequest): Promise<SubmitAnswer> {
    const bytes = Buffer.byteLength(JSON.stringify(request));
    if (bytes > maxRequestBytes)
      throw new GleanerError(
        "LIMIT_REACHED",
        `the submission has ${bytes} bytes and the limit is ${maxRequestBytes}: put data into files`,
      );
    let brokenOff: BrokenOffError | null = null;
    for (const pauseMs of [0, ...submitPausesMs]) {
      if (pauseMs > 0) await pause(pauseMs);
      try {
        return (await this.post("/v1/invocations", request)) as SubmitAnswer;
      } catch (error) {
        const isOpen = error instanceof GleanerError && error.code === "UNREACHABLE";
        if (error instanceof BrokenOffError) brokenOff = error;
        else if (!isOpen || brokenOff === null) throw error;
      }
    }
    throw new GleanerError(
      "UNREACHABLE",
      "gleanerd broke off while it took the submission, which may or may not be in the queue: look with glean queue --me before you submit again",
      { cause: brokenOff },
    );
  }

  async list(query: InvocationQuery): Promise<InvocationList> {
    return (await this.get("/v1/invocations", { ...query })) as InvocationList;
  }
  async detail(id: string): Promise<InvocationDetail> {
    return (await this.get(`/v1/invocations/${encodeURIComponent(id)}`)) as InvocationDetail;
  }
  /** Answers when all of `id` are final, or after a minute: then some are not. */
  async wait(id: string): Promise<InvocationList> {
    const path = `/v1/invocations/${encodeURIComponent(id)}/wait`;
    const answer = await this.get(path, { timeoutMs: maxWaitMs }, maxWaitMs + waitSlackMs);
    return answer as InvocationList;
  }
  async cancel(request: CancelRequest): Promise<CancelAnswer> {
    return (await this.post("/v1/cancel", request)) as CancelAnswer;
  }
  async info(): Promise<InfoAnswer> {
    return (await this.get("/v1/info")) as InfoAnswer;
  }
  /** `what`: an invocation's id, or a node. */
  async explain(what: string): Promise<ExplainAnswer> {
    return (await this.get(`/v1/explain/${encodeURIComponent(what)}`)) as ExplainAnswer;
  }
  /** The idle cores that run nothing: of one node, or of all. */
  async holes(node?: string): Promise<HolesAnswer> {
    return (await this.get("/v1/holes", { node })) as HolesAnswer;
  }
  async utilization(period: Period): Promise<Utilization> {
    return (await this.get("/v1/utilization", { ...period })) as Utilization;
  }
  async prediction(): Promise<PredictionReport> {
    return (await this.get("/v1/prediction")) as PredictionReport;
  }
  async bill(query: Period & { readonly user?: string }): Promise<BillAnswer> {
    return (await this.get("/v1/bill", { ...query })) as BillAnswer;
  }
  async verifyLedger(): Promise<LedgerCheck> {
    return (await this.get("/v1/bill/verify")) as LedgerCheck;
  }
  async audit(query: AuditQuery): Promise<AuditAnswer> {
    return (await this.get("/v1/audit", { ...query })) as AuditAnswer;
  }
  async revokeTokens(request: RevokeRequest): Promise<RevokeAnswer> {
    return (await this.post("/v1/token/revoke", request)) as RevokeAnswer;
  }
  async drain(request: DrainRequest): Promise<DrainAnswer> {
    return (await this.post("/v1/drain", request)) as DrainAnswer;
  }
  async resume(request: DrainRequest): Promise<DrainAnswer> {
    return (await this.post("/v1/resume", request)) as DrainAnswer;
  }
  async doctor(): Promise<DoctorAnswer> {
    return (await this.get("/v1/doctor")) as DoctorAnswer;
  }

  private get(path: string, query: Query = {}, timeoutMs?: number): Promise<unknown> {
    const given = new URLSearchParams();
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) given.set(key, String(value));
    const search = given.toString();
    return this.send({
      method: "GET",
      path: search === "" ? path : `${path}?${search}`,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }

  private post(path: string, body: unknown): Promise<unknown> {
    return this.send({ method: "POST", path, body });
  }

  /** A token that is refused is renewed once: the daemon may have restarted with new keys. */
  private async send(what: Exchange): Promise<unknown> {
    const { address } = this.options;
    const token = await this.tokens.get();
    try {
      return await exchange(address, { ...what, token });
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "NOT_IDENTIFIED") throw error;
      return exchange(address, { ...what, token: await this.tokens.renew() });
    }
  }
}
