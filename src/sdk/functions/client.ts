// The part of the client for functions: one method for each request.

import type {
  AliasAnswer,
  AnswerOf,
  BlobAnswer,
  CalledAnswer,
  CheckRequest,
  DeployAnswer,
  DeployRequest,
  FunctionDetail,
  FunctionList,
  FunctionLog,
  FunctionLogQuery,
  FunctionQuery,
  PathOf,
  RemoveAnswer,
  RouteName,
  SharingRequest,
} from "../../wire/api/types.js";
import type { Content, Exchange } from "../http/request.js";
import { repeated } from "../repeat.js";

/** The largest content over a slow line, and its way to the disk. */
const contentTimeoutMs = 120_000;
/** For an answer that comes at the end of the wait. */
const waitSlackMs = 10_000;

/** A function, with its owner's name or uid; null: one's own. */
export interface FunctionName {
  readonly owner: string | null;
  readonly name: string;
}

/** Every method rejects as those of GleanerClient do. */
export class FunctionsClient {
  constructor(private readonly send: (what: Exchange) => Promise<unknown>) {}

  /** If the connection breaks, the content is sent again. */
  putBlob(sha256: string, content: Content): Promise<BlobAnswer> {
    const path = `/v1/blobs/${sha256}` as const;
    return repeated(
      () => this.ask<"putBlob">("PUT", path, { content, timeoutMs: contentTimeoutMs }),
      "the connection to gleanerd broke while the content was sent: try again",
    );
  }

  /** One of one's own; rejects with NOT_FOUND if it was never sent, or was removed. */
  async getBlob(sha256: string): Promise<Uint8Array> {
    const path = `/v1/blobs/${sha256}` as const;
    return repeated(
      async () =>
        (await this.ask<"getBlob">("GET", path, { timeoutMs: contentTimeoutMs })) as Uint8Array,
      "the connection to gleanerd broke while the content arrived: try again",
    );
  }

  /**
   * Its bundle was sent before. Resolves at the end of the check or after `waitMs`, when it may
   * wait for a hole.
   */
  check(request: CheckRequest): Promise<CalledAnswer> {
    return repeated(
      () =>
        this.ask<"checkFunction">("POST", "/v1/checks", {
          body: request,
          timeoutMs: (request.waitMs ?? 0) + waitSlackMs,
        }),
      "the connection to gleanerd broke during the check: deploy again",
    );
  }

  /** Its bundle was sent before. If the connection breaks, the request is sent again. */
  deploy(request: DeployRequest): Promise<DeployAnswer> {
    return repeated(
      () => this.ask<"deploy">("POST", "/v1/functions", { body: request }),
      "the connection to gleanerd broke during the deploy, which may or may not be done: deploy again, which changes nothing if it is",
    );
  }

  list(query: FunctionQuery = {}): Promise<FunctionList> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) search.set(key, String(value));
    return this.ask<"listFunctions">("GET", "/v1/functions", {}, search.toString());
  }

  /** `version`: an alias or a version's first digits, whose settings are shown. */
  show(of: FunctionName, version: string): Promise<FunctionDetail> {
    return this.ask<"showFunction">("GET", pathOf(of), {}, `version=${version}`);
  }

  /** The code of a version, as it was deployed. */
  async bundle(of: FunctionName, version: string): Promise<Uint8Array> {
    const path = `${pathOf(of)}/versions/${version}/bundle` as const;
    const sent = await this.ask<"bundle">("GET", path, { timeoutMs: contentTimeoutMs });
    return sent as Uint8Array;
  }

  /** What one's own calls printed; with `waitMs`, once there is something. */
  log(of: FunctionName, query: FunctionLogQuery): Promise<FunctionLog> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) search.set(key, String(value));
    const timeoutMs = Number(query.waitMs ?? 0) + waitSlackMs;
    const path = `${pathOf(of)}/log` as const;
    return this.ask<"functionLog">("GET", path, { timeoutMs }, search.toString());
  }

  setAlias(of: FunctionName, alias: string, version: string): Promise<AliasAnswer> {
    const path = `${pathOf(of)}/aliases/${alias}` as const;
    return this.ask<"setAlias">("PUT", path, { body: { version } });
  }

  removeAlias(of: FunctionName, alias: string): Promise<RemoveAnswer> {
    return this.ask<"removeAlias">("DELETE", `${pathOf(of)}/aliases/${alias}`);
  }

  share(of: FunctionName, sharing: SharingRequest["sharing"]): Promise<SharingRequest> {
    return this.ask<"shareFunction">("PUT", `${pathOf(of)}/sharing`, { body: { sharing } });
  }

  remove(of: FunctionName): Promise<RemoveAnswer> {
    return this.ask<"removeFunction">("DELETE", pathOf(of));
  }

  /** Rejects with BAD_REQUEST if an alias points to it. */
  removeVersion(of: FunctionName, version: string): Promise<RemoveAnswer> {
    return this.ask<"removeVersion">("DELETE", `${pathOf(of)}/versions/${version}`);
  }

  private async ask<Name extends RouteName>(
    method: Exchange["method"],
    path: PathOf<Name>,
    more: Pick<Exchange, "body" | "content" | "timeoutMs"> = {},
    search = "",
  ): Promise<AnswerOf<Name>> {
    const whole = search === "" ? path : `${path}?${search}`;
    return (await this.send({ method, path: whole, ...more })) as AnswerOf<Name>;
  }
}

const pathOf = ({ owner, name }: FunctionName): `/v1/functions/${string}/${string}` =>
  `/v1/functions/${encodeURIComponent(owner ?? "-")}/${encodeURIComponent(name)}`;
