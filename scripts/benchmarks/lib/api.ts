// The HTTP API as benchmarks use it: the token of one user, connections that stay open, JSON in
// both directions.

import { createHash, randomUUID } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import type {
  CalledAnswer,
  CallRequest,
  CancelAnswer,
  ChallengeAnswer,
  DeployAnswer,
  InfoAnswer,
  InvocationDetail,
  InvocationList,
  LeaseView,
  ResultList,
  SubmitAnswer,
  SubmitRequest,
  TokenAnswer,
} from "../../../src/wire/api/types.js";
import { credentialPayload } from "../../../src/wire/munge/credential.js";
import type { Site } from "../../site/site.js";
import { benchmarkUser } from "./harness.js";

/** As a program that calls often would do; the CLI makes one connection per request. */
export class Api {
  /** gleanerd closes idle connections a little later. */
  private readonly agent = new Agent({ keepAlive: true, timeout: 2_000 });
  private token: string | null = null;

  constructor(
    private readonly site: Site,
    private readonly user = benchmarkUser,
  ) {}

  /** Gets a token for the user; call it again after the daemon was restarted. */
  async identify(): Promise<string> {
    const { cluster, ports } = this.site;
    this.token = null;
    const challenge = await this.send<ChallengeAnswer>("GET", "/v1/challenge");
    const payload = credentialPayload({ address: `127.0.0.1:${ports.apiPort}`, ...challenge });
    const args = [`--socket=${cluster.mungeSocket}`, "--string", payload];
    const { stdout } = await cluster.run("munge", args, { user: this.user });
    const answer = await this.send<TokenAnswer>("POST", "/v1/token", {
      credential: stdout.trim(),
    });
    this.token = answer.token;
    return answer.token;
  }

  /** Submits the command `true` with one core; `tasks` makes it an array. */
  submitTrue(tasks: number | null): Promise<SubmitAnswer> {
    return this.submit(["/bin/true"], "bench", tasks);
  }

  /** Submits a command with one core and, by default, little memory; `tasks` makes it an array. */
  submit(
    argv: readonly string[],
    name: string,
    tasks: number | null,
    needs: { memoryMb?: number; gpus?: number; workingDirectory?: string } = {},
  ): Promise<SubmitAnswer> {
    const request: SubmitRequest = {
      requestId: randomUUID(),
      submission: {
        name,
        command: { kind: "argv", argv },
        cores: 1,
        memoryMb: needs.memoryMb ?? 50,
        memoryPerCoreMb: null,
        gpus: needs.gpus ?? 0,
        timeLimitMs: null,
        workingDirectory: needs.workingDirectory ?? "/",
        stdoutPattern: "/dev/null",
        stderrPattern: null,
        environment: { PATH: "/usr/bin:/bin" },
        arrayTasks: tasks === null ? null : [{ from: 0, to: tasks - 1, step: 1 }],
      },
    };
    return this.send<SubmitAnswer>("POST", "/v1/invocations", request);
  }

  /** One page of a list, newest first. */
  newest(limit: number, before?: number): Promise<InvocationList> {
    const from = before === undefined ? "" : `&before=${before}`;
    return this.send("GET", `/v1/invocations?order=newest&limit=${limit}${from}`);
  }

  cancel(ids: readonly string[]): Promise<CancelAnswer> {
    return this.send("POST", "/v1/cancel", { ids });
  }

  /** Resolves when all of `id` have ended. */
  async ended(id: number): Promise<InvocationList["invocations"]> {
    for (;;) {
      const list = await this.send<InvocationList>("GET", `/v1/invocations/${id}/wait`);
      if (list.invocations.every(({ endedAtMs }) => endedAtMs !== null)) return list.invocations;
    }
  }

  /** Deploys a bundle under a name. */
  async deploy(name: string, bundle: Uint8Array): Promise<DeployAnswer> {
    const hash = createHash("sha256").update(bundle).digest("hex");
    await this.sendBytes("PUT", `/v1/blobs/${hash}`, bundle, "application/octet-stream");
    const body = { requestId: randomUUID(), name, bundle: hash };
    return this.send<DeployAnswer>("POST", "/v1/functions", body);
  }

  call(request: CallRequest): Promise<CalledAnswer> {
    return this.send<CalledAnswer>("POST", "/v1/calls", request);
  }

  /** One page of the results of a map, as its calls ended. */
  results(id: string, after: number): Promise<ResultList> {
    return this.send<ResultList>("GET", `/v1/maps/${id}/results?order=ended&after=${after}`);
  }

  detail(id: string): Promise<InvocationDetail> {
    return this.send<InvocationDetail>("GET", `/v1/invocations/${id}`);
  }

  lease(id: string): Promise<LeaseView> {
    return this.send<LeaseView>("GET", `/v1/leases/${id}`);
  }

  info(): Promise<InfoAnswer> {
    return this.send<InfoAnswer>("GET", "/v1/info");
  }

  close(): void {
    this.agent.destroy();
  }

  private async send<Answer>(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
  ): Promise<Answer> {
    const bytes = Buffer.from(body === undefined ? "" : JSON.stringify(body));
    const type = body === undefined ? null : "application/json";
    return this.sendBytes<Answer>(method, path, bytes, type);
  }

  private async sendBytes<Answer>(
    method: "GET" | "POST" | "PUT",
    path: string,
    bytes: Uint8Array,
    contentType: string | null,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        port: this.site.ports.apiPort,
        host: "127.0.0.1",
        method,
        path,
        agent: this.agent,
        headers: {
          ...(contentType !== null && { "content-type": contentType }),
          "content-length": bytes.length,
          ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
        },
      });
      request.once("error", reject);
      request.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const answer = Buffer.concat(chunks).toString("utf8");
          if (response.statusCode === 200) resolve(JSON.parse(answer) as Answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
        });
      });
      request.end(bytes);
    });
  }
}
