// The program glean for tests: bundled as it is shipped, spawned, and answered by a made-up daemon.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "@jest/globals";
import { cliBundles, makeBundles } from "../../scripts/bundle/bundles.mjs";
import { invocationId } from "../../src/model/ids.js";
import type { Invocation } from "../../src/model/invocation.js";
import { FrameReader, inputIn } from "../../src/wire/api/input-frames.js";
import { payloadText } from "../../src/wire/api/payloads.js";
import { invocation as anInvocation } from "./nouns.js";

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the program sent
  readonly body: any;
  /** The body as it was sent. */
  readonly bytes: Buffer;
}
/** "cut": the connection is broken off instead. "none": nothing comes. */
export type Answer =
  | { readonly status?: number; readonly body: unknown; readonly retryAfter?: string }
  | "cut"
  | "none";

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As the daemon's answers have it: with plain numbers. */
type Change = Partial<Omit<Invocation, "id" | "arrayJobId">> & { id?: number; arrayJobId?: number };
export const invocation = ({ id = 42, arrayJobId, ...change }: Change = {}): Invocation =>
  anInvocation({
    id: invocationId(id),
    arrayJobId: arrayJobId === undefined ? null : invocationId(arrayJobId),
    owner: { uid: 1_000, gid: 1_000, user: "ada" },
    name: "job",
    cores: 2,
    timeLimitMs: 1_000,
    submittedAtMs: 1_700_000_000_000,
    ...change,
  });
export const listOf = (...invocations: object[]) => ({ body: { invocations, truncated: false } });
/** By their ids. */
export const submissionsOf = (submissions: Readonly<Record<number, object>> = {}) => ({
  body: {
    submissions: Object.entries(submissions).map(([id, submission]) => ({
      id: Number(id),
      submission,
    })),
  },
});
export const refusal = (status: number, code: string, message: string) => ({
  status,
  body: { error: { code, message } },
});

/** A map as it was streamed. */
export function streamedMap({ url, bytes }: Request) {
  const query = new URL(url, "http://x").searchParams;
  const inputs = new FrameReader().take(bytes).map((frame) => payloadText(inputIn(frame)));
  return { function: query.get("function")!, requestId: query.get("requestId")!, inputs };
}

/** One sentence on standard error and nothing on standard output. */
export function expectSentence(result: Result, status: number, sentence: RegExp): void {
  expect(result.stderr).toMatch(sentence);
  expect(result.stderr).toMatch(/^glean: [^\n]*\n$/);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result).toMatchObject({ status, stdout: "" });
}

/** A munge that vouches for anybody: the real one is tested with the SDK. */
function writeMunge(folder: string): void {
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/munge"), "#!/bin/sh\ncat >/dev/null\necho MUNGE:made-up:\n");
  chmodSync(join(folder, "bin/munge"), 0o755);
}

/** The addon of `glean batch`. */
export function makeAsk(folder: string): void {
  const source = fileURLToPath(new URL("../../src/cli/ask", import.meta.url));
  execFileSync("make", ["-s", "-C", source, `OUT=${folder}`], { stdio: "pipe" });
}

/** Program, daemon and home of one test; all is new for each, but for the bundle. */
export class GleanWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "glean-cli-"));
  readonly requests: Request[] = [];
  answers: Record<string, (request: Request) => Answer> = {};
  environment: Record<string, string> = {};
  home = "";
  private server: Server | null = null;

  async open(): Promise<void> {
    let tokens = 0;
    this.requests.length = 0;
    this.answers = {
      "GET /v1/submissions": () => submissionsOf(),
      "GET /v1/challenge": () => ({ body: { instance: "0123abcd", nonce: "once" } }),
      "POST /v1/token": () => ({
        body: { token: `token-${++tokens}`, validMs: 60_000, user: "ada", operator: false },
      }),
      "POST /v1/invocations": () => ({ body: { id: 42, tasks: 1 } }),
    };
    this.server = createServer((incoming, outgoing) => this.serve(incoming, outgoing));
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.home = mkdtempSync(join(this.folder, "home-"));
    this.configure((this.server.address() as AddressInfo).port);
    this.environment = {
      PATH: `${join(this.folder, "bin")}:/usr/bin:/bin`,
      HOME: this.home,
      USER: "ada",
      GLEANER_CONF: join(this.home, "gleaner.yaml"),
    };
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    this.server?.close();
    if (this.server !== null) await once(this.server, "close");
  }

  configure(port: number): void {
    writeFileSync(join(this.home, "gleaner.yaml"), `listen: { apiPort: ${port} }\n`);
  }

  /** Writes a script into the home, which is also the working directory; gives its name. */
  script(text: string, name = "job.sh"): string {
    writeFileSync(join(this.home, name), text);
    return name;
  }

  start(args: readonly string[], input = "") {
    const child = spawn(process.execPath, [join(this.folder, "glean.cjs"), ...args], {
      cwd: this.home,
      env: this.environment,
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const end = once(child, "close").then(([status]): Result => ({ status, stdout, stderr }));
    return { child, end };
  }

  /** The submission that was received last. */
  submitted() {
    return this.requests.findLast(({ url }) => url === "/v1/invocations")?.body.submission;
  }

  private async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const bytes = await bodyOf(incoming);
    if (bytes === null) return;
    const isJson = bytes.length > 0 && incoming.headers["content-type"] === "application/json";
    const request = {
      method: incoming.method!,
      url: incoming.url!,
      authorization: incoming.headers.authorization,
      body: isJson ? JSON.parse(bytes.toString()) : null,
      bytes,
    };
    this.requests.push(request);
    const answer = this.answers[`${request.method} ${request.url.split("?")[0]}`]?.(request);
    if (answer === "cut") {
      incoming.socket.destroy();
      return;
    }
    if (answer === "none") return;
    const none: Exclude<Answer, "cut" | "none"> = refusal(404, "NOT_FOUND", "none here");
    const { status = 200, body, retryAfter } = answer ?? none;
    const isContent = body instanceof Uint8Array;
    const text = typeof body === "string" || isContent ? body : JSON.stringify(body);
    const headers = { "content-type": `application/${isContent ? "octet-stream" : "json"}` };
    // As gleanerd does where the client talks HTTP/1.1.
    const hasLength = incoming.httpVersion === "1.1" || isContent;
    const length = hasLength ? { "content-length": Buffer.byteLength(text) } : {};
    const later = retryAfter === undefined ? {} : { "retry-after": retryAfter };
    outgoing.writeHead(status, { ...headers, ...length, ...later });
    outgoing.end(text);
  }
}

/** Null for a request that the client gives up in the middle: it waits for no answer. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNRESET") return null;
    throw error;
  }
  return Buffer.concat(chunks);
}

/** A world for the tests of one file. */
export function gleanWorld(): GleanWorld {
  const world = new GleanWorld();
  beforeAll(async () => {
    await makeBundles(cliBundles, world.folder, "1.2.3");
    makeAsk(world.folder);
    writeMunge(world.folder);
  });
  beforeEach(() => world.open());
  afterEach(() => world.close());
  afterAll(() => rmSync(world.folder, { recursive: true }));
  return world;
}
