// The client of gleanerd's HTTP API: one method for each request, with authentication and renewal.
// Its types match the declared routes.

import type { PredictionReport } from "../model/capacity/prediction.js";
import { GleanerError } from "../model/errors.js";
import type { InvocationId } from "../model/ids.js";
import type { LedgerCheck } from "../model/records/account.js";
import type { Utilization } from "../model/records/utilization.js";
import { framesType } from "../wire/api/input-frames.js";
import { maxRequestBytes, maxWaitMs } from "../wire/api/limits.js";
import type {
  AnswerList,
  AnswerOf,
  AnswerOfCall,
  AuditAnswer,
  AuditQuery,
  BillAnswer,
  BodyOf,
  CallLog,
  CancelAnswer,
  CancelRequest,
  DoctorAnswer,
  DrainAnswer,
  DrainRequest,
  ExplainAnswer,
  HoldAnswer,
  HoldRequest,
  HolesAnswer,
  InfoAnswer,
  InvocationDetail,
  InvocationList,
  InvocationQuery,
  LedgerQuery,
  MapAnswer,
  MapRequest,
  OutcomeList,
  OutcomeQuery,
  PathOf,
  PayloadText,
  QueryOf,
  RequeueRequest,
  ResultList,
  ResultQuery,
  RevokeAnswer,
  RevokeRequest,
  RouteNameOf,
  SubmissionList,
  SubmitAnswer,
  SubmitRequest,
  UpdateRequest,
} from "../wire/api/types.js";
import { FunctionsClient } from "./functions/client.js";
import { LeaseClient } from "./functions/lease-client.js";
import { exchange } from "./http/exchange.js";
import type { Content, Exchange } from "./http/request.js";
import type { LineAnswer, LineRequest } from "./line/call-line.js";
import { isCarried } from "./line/carried-input.js";
import { Lines } from "./line/lines.js";
import { repeated } from "./repeat.js";
import { type TokenOptions, Tokens } from "./tokens.js";

export * from "../wire/api/limits.js";

/** The time that a waiting request's connection gets in addition to the wait itself. */
const waitSlackMs = 10_000;

const unsure = (what: string): string =>
  `the connection to gleanerd broke during the ${what}, which may or may not be in the queue: check with glean queue --me before you submit again`;

type Limits = Pick<Exchange, "timeoutMs" | "signal" | "keepsConnection">;

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
  /** Requests about functions. */
  readonly functions: FunctionsClient;
  /** Requests about leases. */
  readonly leases: LeaseClient;
  private readonly options: TokenOptions;
  private readonly tokens: Tokens;
  private readonly lines: Lines | null;

  /** `keepsLine`: calls share one connection that stays open, as programs want that call often. */
  constructor(options: TokenOptions, { keepsLine = false } = {}) {
    this.options = options;
    this.tokens = new Tokens(options);
    this.lines = keepsLine ? new Lines(options.address, this.tokens) : null;
    this.functions = new FunctionsClient((what) => this.send(what));
    this.leases = new LeaseClient((what) => this.send(what));
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
    return repeated(() => this.post<"submit">("/v1/invocations", request), unsure("submission"));
  }

  list(query: InvocationQuery): Promise<InvocationList> {
    return this.get<"list">("/v1/invocations", query);
  }
  /** What was submitted, of the caller's own among these; an operator sees everybody's. */
  submissions(ids: readonly InvocationId[]): Promise<SubmissionList> {
    return this.get<"submissions">("/v1/submissions", { ids: ids.join(",") });
  }
  detail(id: string): Promise<InvocationDetail> {
    return this.get<"detail">(`/v1/invocations/${encodeURIComponent(id)}`);
  }
  /** Resolves when all of `id` are final, or after a minute, when some may not be. */
  wait(id: string, signal?: AbortSignal): Promise<InvocationList> {
    const path = `/v1/invocations/${encodeURIComponent(id)}/wait` as const;
    const limits = { timeoutMs: maxWaitMs + waitSlackMs, signal };
    return this.get<"wait">(path, { timeoutMs: maxWaitMs }, limits);
  }
  /**
   * Calls a function. Without waitMs the call is durable once this resolves; with waitMs it
   * resolves with the answer, or at that time with a durable call. A connection that breaks is not
   * noticed by the caller: the request is sent again. A large input goes with the call where it
   * can, else before it.
   */
  call({ input, ...request }: LineRequest, signal?: AbortSignal): Promise<LineAnswer> {
    const timeoutMs = (request.waitMs ?? 0) + waitSlackMs;
    return repeated(
      async (isAgain) => {
        const rest = { ...request, fresh: request.fresh === true && !isAgain };
        const limits = { timeoutMs, signal, keepsConnection: true };
        // A slow connection may have ended over it.
        if (!isAgain || !isCarried(input)) {
          const answered = await this.lines?.call({ ...rest, input }, limits);
          if (answered != null) return answered;
        }
        const asked = { ...rest, input: isCarried(input) ? await input.named() : input };
        const answered = isCarried(input) ? await this.lines?.call(asked, limits) : null;
        return answered ?? this.post<"call">("/v1/calls", asked, limits);
      },
      unsure("call"),
      signal,
    );
  }
  /** Calls a function once for each input; the tasks are numbered as the inputs are. */
  map(request: MapRequest): Promise<MapAnswer> {
    return repeated(() => this.post<"map">("/v1/maps", request), unsure("map"));
  }
  /**
   * Calls a function once for each frame of inputs. Nothing is repeated: if the connection breaks,
   * the same request id tells whether the map was accepted.
   */
  streamMap(
    { requestId, function: name, timeLimitMs = null }: Omit<MapRequest, "inputs">,
    inputs: Content["open"],
  ): Promise<MapAnswer> {
    const query = new URLSearchParams({ requestId, function: name });
    if (timeLimitMs !== null) query.set("timeLimitMs", String(timeLimitMs));
    const content = { bytes: null, contentType: framesType, open: inputs };
    const path = `/v1/maps/stream?${query}`;
    return this.send({ method: "POST", path, content }) as Promise<MapAnswer>;
  }
  /** The results of a map after the first `after` of them; with waitMs once there is one. */
  results(id: string, query: ResultQuery, signal?: AbortSignal): Promise<ResultList> {
    const path = `/v1/maps/${encodeURIComponent(id)}/results` as const;
    const timeoutMs = Number(query.waitMs ?? 0) + waitSlackMs;
    return this.get<"results">(path, query, { timeoutMs, signal, keepsConnection: true });
  }
  answer(id: string): Promise<AnswerOfCall> {
    return this.get<"answer">(`/v1/invocations/${encodeURIComponent(id)}/answer`);
  }
  /** The answers of a map after the task `after`; continue with `next` until it is null. */
  answers(id: string, after = -1): Promise<AnswerList> {
    return this.get<"answers">(`/v1/invocations/${encodeURIComponent(id)}/answers`, { after });
  }
  /** How tasks of a map, or a call, ended; with waitMs once one has. */
  outcomes(id: string, query: OutcomeQuery, signal?: AbortSignal): Promise<OutcomeList> {
    const path = `/v1/invocations/${encodeURIComponent(id)}/outcomes` as const;
    const timeoutMs = Number(query.waitMs ?? 0) + waitSlackMs;
    return this.get<"outcomes">(path, query, { timeoutMs, signal });
  }
  /** Rejects with NOT_FOUND once it was removed for its age. */
  input(id: string): Promise<PayloadText> {
    return this.get<"input">(`/v1/invocations/${encodeURIComponent(id)}/input`);
  }
  /** What a call printed in its last attempt beyond `after` bytes, so far if it runs. */
  callLog(id: string, after = 0): Promise<CallLog> {
    return this.get<"callLog">(`/v1/invocations/${encodeURIComponent(id)}/log`, { after });
  }
  /** Keeps invocations and arrays that wait from starting, or lets them start again. */
  hold(request: HoldRequest): Promise<HoldAnswer> {
    return this.post<"hold">("/v1/hold", request);
  }

  /** Changes what has not ended, such as its time limit. */
  update(request: UpdateRequest): Promise<HoldAnswer> {
    return this.post<"update">("/v1/update", request);
  }

  /** Ends running attempts; their invocations wait again. */
  requeue(request: RequeueRequest): Promise<HoldAnswer> {
    return this.post<"requeue">("/v1/requeue", request);
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
  /** Counts options for which a submission was refused before it was sent. */
  refused(request: BodyOf<"refused">): Promise<AnswerOf<"refused">> {
    return this.post<"refused">("/v1/refusals", request);
  }
  adoption(period: Period): Promise<AnswerOf<"adoption">> {
    return this.get<"adoption">("/v1/adoption", period);
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
    limits: Limits = {},
  ): Promise<AnswerOf<Name>> {
    const given = new URLSearchParams();
    for (const [key, value] of Object.entries(query ?? {}))
      if (value !== undefined) given.set(key, String(value));
    const search = given.toString();
    const answer = await this.send({
      method: "GET",
      path: search === "" ? path : `${path}?${search}`,
      ...limits,
    });
    return answer as AnswerOf<Name>;
  }

  private async post<Name extends RouteNameOf<"POST">>(
    path: PathOf<Name>,
    body: BodyOf<Name>,
    limits: Limits = {},
  ): Promise<AnswerOf<Name>> {
    const asked = { method: "POST", path, body, ...limits };
    return (await this.send(asked as Exchange)) as AnswerOf<Name>;
  }

  /** Renews a rejected token once: the daemon may have restarted with new keys. */
  private async send(what: Exchange): Promise<unknown> {
    const { address } = this.options;
    const { signal } = what;
    const token = await this.tokens.get(signal);
    try {
      return await exchange(address, { ...what, token });
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "NOT_IDENTIFIED") throw error;
      return exchange(address, { ...what, token: await this.tokens.renew(signal) });
    }
  }
}
