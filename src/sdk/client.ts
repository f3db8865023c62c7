// The client of gleanerd's HTTP API: one method for each request, with authentication and renewal.
// Its types match the declared routes.

import { setTimeout as pause } from "node:timers/promises";
import type { PredictionReport } from "../model/capacity/prediction.js";
import { GleanerError } from "../model/errors.js";
import type { LedgerCheck } from "../model/records/account.js";
import type { Utilization } from "../model/records/utilization.js";
import { maxRequestBytes, maxWaitMs } from "../wire/api/limits.js";
import type {
  AnswerList,
  AnswerOf,
  AnswerOfCall,
  AuditAnswer,
  AuditQuery,
  BillAnswer,
  BodyOf,
  CalledAnswer,
  CallLog,
  CallRequest,
  CancelAnswer,
  CancelRequest,
  DoctorAnswer,
  DrainAnswer,
  DrainRequest,
  ExplainAnswer,
  HolesAnswer,
  InfoAnswer,
  InvocationDetail,
  InvocationList,
  InvocationQuery,
  LedgerQuery,
  MapAnswer,
  MapRequest,
  PathOf,
  QueryOf,
  RevokeAnswer,
  RevokeRequest,
  RouteNameOf,
  SubmitAnswer,
  SubmitRequest,
} from "../wire/api/types.js";
import { BrokenOffError, type Exchange, exchange } from "./http.js";
import { type TokenOptions, Tokens } from "./tokens.js";

/**
 * A restarting daemon is back within these pauses; the request's id prevents a repetition from
 * counting twice.
 */
const submitPausesMs = [200, 800, 2_000, 4_000];
/** The time that a waiting request's connection gets in addition to the wait itself. */
const waitSlackMs = 10_000;

/** Times are milliseconds since the epoch; either end may be omitted. */
export interface Period {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/**
 * Every method rejects with a GleanerError: the daemon's own, or UNREACHABLE, PROTOCOL,
 * NOT_IDENTIFIED.
 */
export class GleanerClient {
  private readonly options: TokenOptions;
  private readonly tokens: Tokens;

  constructor(options: TokenOptions) {
    this.options = options;
    this.tokens = new Tokens(options);
  }

  /**
   * An accepted submission is durable. If the connection breaks, it is sent again with the same id.
   */
  async submit(request: SubmitRequest): Promise<SubmitAnswer> {
    const bytes = Buffer.byteLength(JSON.stringify(request));
    if (bytes > maxRequestBytes)
      throw new GleanerError(
        "LIMIT_REACHED",
        `the submission has ${bytes} bytes and the limit is ${maxRequestBytes}: put data into files`,
      );
    return this.repeated(() => this.post<"submit">("/v1/invocations", request), "the submission");
  }

  /** Sends a request with an id of its own again if the connection broke. */
  private async repeated<T>(send: () => Promise<T>, what: string): Promise<T> {
    let brokenOff: BrokenOffError | null = null;
    for (const pauseMs of [0, ...submitPausesMs]) {
      if (pauseMs > 0) await pause(pauseMs);
      try {
        return await send();
      } catch (error) {
        const isOpen = error instanceof GleanerError && error.code === "UNREACHABLE";
        if (error instanceof BrokenOffError) brokenOff = error;
        else if (!isOpen || brokenOff === null) throw error;
      }
    }
    throw new GleanerError(
      "UNREACHABLE",
      `the connection to gleanerd broke during ${what}, which may or may not be in the queue: check with glean queue --me before you submit again`,
      { cause: brokenOff },
    );
  }

  list(query: InvocationQuery): Promise<InvocationList> {
    return this.get<"list">("/v1/invocations", query);
  }
  detail(id: string): Promise<InvocationDetail> {
    return this.get<"detail">(`/v1/invocations/${encodeURIComponent(id)}`);
  }
  /** Resolves when all of `id` are final, or after a minute, when some may not be. */
  wait(id: string): Promise<InvocationList> {
    const path = `/v1/invocations/${encodeURIComponent(id)}/wait` as const;
    return this.get<"wait">(path, { timeoutMs: maxWaitMs }, maxWaitMs + waitSlackMs);
  }
  /**
   * Calls a function. The call is durable once this resolves; with waitMs it resolves later, with
   * the answer if there is one by then.
   */
  call(request: CallRequest): Promise<CalledAnswer> {
    const waitMs = request.waitMs ?? 0;
    return this.repeated(
      () => this.post<"call">("/v1/calls", request, waitMs + waitSlackMs),
      "the call",
    );
  }
  /** Calls a function once for each input; the tasks are numbered as the inputs are. */
  map(request: MapRequest): Promise<MapAnswer> {
    return this.repeated(() => this.post<"map">("/v1/maps", request), "the map");
  }
  answer(id: string): Promise<AnswerOfCall> {
    return this.get<"answer">(`/v1/invocations/${encodeURIComponent(id)}/answer`);
  }
  /** The answers of a map after the task `after`; continue with `next` until it is null. */
  answers(id: string, after = -1): Promise<AnswerList> {
    return this.get<"answers">(`/v1/invocations/${encodeURIComponent(id)}/answers`, { after });
  }
  /** What a call printed in its last attempt. */
  callLog(id: string): Promise<CallLog> {
    return this.get<"callLog">(`/v1/invocations/${encodeURIComponent(id)}/log`);
  }
  cancel(request: CancelRequest): Promise<CancelAnswer> {
    return this.post<"cancel">("/v1/cancel", request);
  }
  info(): Promise<InfoAnswer> {
    return this.get<"info">("/v1/info");
  }
  /** `what` is an invocation's id or a node. */
  explain(what: string): Promise<ExplainAnswer> {
    return this.get<"explain">(`/v1/explain/${encodeURIComponent(what)}`);
  }
  /** Idle cores that run nothing, on one node or on all. */
  holes(node?: string): Promise<HolesAnswer> {
    return this.get<"holes">("/v1/holes", node === undefined ? {} : { node });
  }
  utilization(period: Period): Promise<Utilization> {
    return this.get<"utilization">("/v1/utilization", period);
  }
  prediction(): Promise<PredictionReport> {
    return this.get<"prediction">("/v1/prediction");
  }
  bill(query: Period & { readonly user?: string }): Promise<BillAnswer> {
    return this.get<"bill">("/v1/bill", query);
  }
  verifyLedger(query: LedgerQuery = {}): Promise<LedgerCheck> {
    return this.get<"verifyLedger">("/v1/bill/verify", query);
  }
  audit(query: AuditQuery): Promise<AuditAnswer> {
    return this.get<"audit">("/v1/audit", query);
  }
  revokeTokens(request: RevokeRequest): Promise<RevokeAnswer> {
    return this.post<"revokeTokens">("/v1/token/revoke", request);
  }
  drain(request: DrainRequest): Promise<DrainAnswer> {
    return this.post<"drain">("/v1/drain", request);
  }
  resume(request: DrainRequest): Promise<DrainAnswer> {
    return this.post<"resume">("/v1/resume", request);
  }
  doctor(): Promise<DoctorAnswer> {
    return this.get<"doctor">("/v1/doctor");
  }

  private async get<Name extends RouteNameOf<"GET">>(
    path: PathOf<Name>,
    query?: QueryOf<Name>,
    timeoutMs?: number,
  ): Promise<AnswerOf<Name>> {
    const given = new URLSearchParams();
    for (const [key, value] of Object.entries(query ?? {}))
      if (value !== undefined) given.set(key, String(value));
    const search = given.toString();
    const answer = await this.send({
      method: "GET",
      path: search === "" ? path : `${path}?${search}`,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    return answer as AnswerOf<Name>;
  }

  private async post<Name extends RouteNameOf<"POST">>(
    path: PathOf<Name>,
    body: BodyOf<Name>,
    timeoutMs?: number,
  ): Promise<AnswerOf<Name>> {
    const asked = { method: "POST", path, body, ...(timeoutMs !== undefined && { timeoutMs }) };
    return (await this.send(asked as Exchange)) as AnswerOf<Name>;
  }

  /** Renews a rejected token once: the daemon may have restarted with new keys. */
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
