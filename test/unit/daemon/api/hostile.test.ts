// Hostile requests to the API, with a store that only counts: what they cost, what they may start,
// what gets through.

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { Packr } from "msgpackr";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { type AdmissionPolicy, admit } from "../../../../src/core/submission/admission.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { environmentFor } from "../../../../src/core/submission/environment.js";
import { invocationHandlers } from "../../../../src/daemon/api/invocations.js";
import { register } from "../../../../src/daemon/api/server/register.js";
import { createServer } from "../../../../src/daemon/api/server/server.js";
import type { MungeAuthenticator } from "../../../../src/daemon/auth/munge.js";
import { Secrets } from "../../../../src/daemon/auth/tokens.js";
import type { Executors } from "../../../../src/daemon/executors/executors.js";
import { Checkpoints } from "../../../../src/daemon/invocations/checkpoints.js";
import { Dispatcher } from "../../../../src/daemon/invocations/dispatch.js";
import { Documents } from "../../../../src/daemon/invocations/documents.js";
import { Settler } from "../../../../src/daemon/invocations/settle.js";
import { Waiters } from "../../../../src/daemon/invocations/waiters.js";
import { DiskReserve } from "../../../../src/daemon/records/disk-reserve.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { GleanerError } from "../../../../src/model/errors.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import type { Invocation, RequestedSubmission } from "../../../../src/model/invocation.js";
import { outputPath } from "../../../../src/model/records/output-paths.js";
import { checkDaemonMessage } from "../../../../src/wire/checks.js";
import type { AttemptKey, DaemonMessage } from "../../../../src/wire/messages.js";
import { maxFrameBytes } from "../../../../src/wire/messages.js";
import { stubAuthority } from "../../../support/daemon/authority.js";
import { newState, noPacked } from "../../../support/daemon/state.js";
import { invocation, noLoad } from "../../../support/nouns.js";
import { sampleRates } from "../../../support/store/samples.js";

const mebibyte = 1024 * 1024;
const admission: AdmissionPolicy = {
  defaultMemoryPerCoreMb: 1_000,
  defaultTimeLimitMs: 600_000,
  maxTimeLimitMs: 3_600_000,
  maxArrayTasks: 10_000,
  maxPending: 200_000,
  maxPendingEntries: 200_000,
  maxDocumentsMb: 8_192,
  maxScriptBytes: 4 * mebibyte,
  maxEnvironmentBytes: mebibyte,
  allowRootFunctions: false,
};
const settlePolicy = {
  rates: sampleRates,
  maxLostAttempts: 3,
};
const owner = { uid: 1_000, gid: 1_000, user: "mallory" };

const plain: RequestedSubmission = {
  name: "x",
  command: { kind: "argv", argv: ["true"] },
  cores: 1,
  memoryMb: 50,
  gpus: 0,
  memoryPerCoreMb: null,
  timeLimitMs: 1_000,
  workingDirectory: "/tmp",
  stdoutPattern: "/dev/null",
  stderrPattern: null,
  environment: {},
  arrayTasks: null,
  notice: null,
  checkpoint: false,
};

const waiting = (id: number, change: Partial<Invocation> = {}): Invocation =>
  invocation({
    id: invocationId(id),
    owner,
    name: "x",
    memoryMb: 50,
    timeLimitMs: 1_000,
    ...change,
  });

describe("an executor accepts every order that the API admits", () => {
  const longName = "\u20ac".repeat(256);
  const everywhere = "%x".repeat(2_048);
  const many = Object.fromEntries(Array.from({ length: 17_000 }, (_, at) => [`K${at}`, ""]));
  const cases: readonly [string, Partial<RequestedSubmission>][] = [
    ["an ordinary one", {}],
    ["a path that its patterns make too long", { name: longName, stdoutPattern: everywhere }],
    ["more variables than glean-spawn takes", { environment: many }],
    [
      "more than a frame holds",
      {
        name: longName,
        stdoutPattern: everywhere,
        stderrPattern: `${"%x".repeat(2_047)}ab`,
        environment: { A: "a".repeat(mebibyte - 100) },
        command: {
          kind: "script",
          body: `#!/bin/sh\n${"#".repeat(4 * mebibyte - 20)}`,
          args: ["a".repeat(900_000)],
        },
      },
    ],
  ];

  test.each(cases)("or refuses: %s", (_, change) => {
    let submission: ReturnType<typeof admit>;
    try {
      submission = admit({ ...plain, ...change }, owner.uid, noLoad, null, admission);
    } catch (thrown) {
      expect((thrown as GleanerError).code).toBe("BAD_REQUEST");
      return;
    }
    const invocation = waiting(1, { name: submission.name });
    const node = nodeName("n1");
    const path = (pattern: string | null) =>
      outputPath(pattern, invocation, node, submission.workingDirectory);
    const message = {
      type: "start",
      order: {
        invocation: 1,
        attempt: 1,
        ...owner,
        cores: 1,
        memoryMb: 50,
        gpus: 0,
        timeLimitMs: 1_000,
        workingDirectory: submission.workingDirectory,
        stdoutPath: path(submission.stdoutPattern),
        stderrPath: path(submission.stderrPattern ?? submission.stdoutPattern),
        environment: environmentFor(invocation, submission, 1, node),
        command: submission.command,
        notice: submission.notice ?? null,
        checkpointDirectory: null,
      },
    };
    expect(() => checkDaemonMessage(message)).not.toThrow();
    expect(new Packr({ useRecords: false }).pack(message).length).toBeLessThanOrEqual(
      maxFrameBytes,
    );
  });
});

describe("the API", () => {
  let folder: string;
  let server: FastifyInstance;
  let address: string;
  let secrets: Secrets;
  let live: LiveInvocations;
  let registry: Registry;
  /** Rows that the store was asked to give, and what it was told. */
  let rows: number;
  let sent: DaemonMessage[];
  let identifying: number;
  let mostIdentifying: number;
  let letIdentify: () => void;
  let begun: () => void;
  let dispatcher: Dispatcher;
  let freeBytes: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "gleaner-api-"));
    secrets = Secrets.load(join(folder, "key"));
    const state = newState();
    ({ live, registry } = state);
    rows = identifying = mostIdentifying = 0;
    freeBytes = 1024 * mebibyte;
    sent = [];
    const log = pino({ level: "silent" });
    const identified = new Promise<void>((resolve) => {
      letIdentify = resolve;
    });
    const munge = {
      identify: async () => {
        mostIdentifying = Math.max(mostIdentifying, ++identifying);
        await identified;
        identifying--;
        throw new GleanerError("NOT_IDENTIFIED", "munge refused the credential");
      },
    } as unknown as MungeAuthenticator;
    const store = countingStore();
    const settler = new Settler(live, store, state.events, settlePolicy, log);
    const checkpoints = new Checkpoints({
      ...{ ...state, store, log, nameOf: (id) => `.state-${id}` },
      policy: { directory: null, maxFolders: 0, keepMs: 0 },
    });
    const documents = new Documents(store, noPacked);
    dispatcher = new Dispatcher({ ...state, store, settler, log, checkpoints, documents });
    server = createServer({ ...stubAuthority, secrets, munge, operators: [], tokenMs: 1_000, log });
    const executors = {
      cancel: (record: ExecutorRecord, { invocation, attempt }: AttemptKey) =>
        record.line?.send({ type: "cancel", key: { invocation, attempt } }),
    } as unknown as Executors;
    const handlers = invocationHandlers({
      ...{ secrets, log },
      accounts: { byName: async () => null },
      access: { require: async () => {} },
      reserve: new DiskReserve("/", 512, async () => ({ bsize: 1, blocks: 1, bavail: freeBytes })),
      store,
      live,
      waiters: new Waiters(live, state.events),
      documents,
      registry,
      executors,
      dispatcher,
      checkpoints,
      admission,
      largestNode: () => null,
    });
    register(server, handlers);
    address = await server.listen({ host: "127.0.0.1", port: 0 });
  });
  afterEach(async () => {
    letIdentify();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function countingStore(): Store {
    return {
      listInvocations: async ({ arrayJobId, ids, limit }: { [key: string]: unknown }) => {
        if (arrayJobId !== undefined && arrayJobId !== 7) return []; // asked again as a single one
        const found = ids === undefined ? Math.min(10_000, limit as number) : 1;
        rows += found;
        return Array.from({ length: found }, (_, at) =>
          ids === undefined
            ? waiting(7 + at, { arrayJobId: invocationId(7), arrayTaskId: at })
            : (live.get(invocationId(1))?.invocation ?? waiting(1)),
        );
      },
      scanInvocations: async () => {
        rows += 10_000;
        const tasks = Array.from({ length: 10_000 }, (_, at) => at);
        const found = tasks.map((at) =>
          waiting(7 + at, { arrayJobId: invocationId(7), arrayTaskId: at }),
        );
        return { found, scannedTo: null };
      },
      submissionToRun: async () => admit(plain, owner.uid, noLoad, null, admission),
      beginAttempt: () =>
        new Promise<void>((resolve) => {
          begun = resolve;
        }),
      endAttempt: async () => true,
    } as unknown as Store;
  }

  /** Over a socket: Fastify's inject cannot be loaded here. */
  const send = async (method: string, path: string, authorization: string, body?: string) => {
    const answer = await fetch(`${address}${path}`, {
      method,
      headers: { authorization, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const tokenFor = (ms = 60_000) => `Bearer ${secrets.issueToken(owner, nowMs() + ms)}`;
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test("reads an array once, however often one list names it", async () => {
    const ids = Array(200).fill("7").join(",");
    const answer = await send("GET", `/v1/invocations?limit=1&ids=${ids}`, tokenFor());
    expect(answer.status).toBe(200);
    expect(rows).toBeLessThanOrEqual(20_000);
  });

  test("accepts nothing more when the disk of its database is nearly full", async () => {
    freeBytes = 511 * mebibyte;
    const payload = JSON.stringify({ requestId: randomUUID(), submission: plain });
    const answer = await send("POST", "/v1/invocations", tokenFor(), payload);
    expect(answer).toMatchObject({
      status: 429,
      body: { error: { code: "LIMIT_REACHED", message: expect.stringContaining("511 MB free") } },
    });
  });

  test("starts few unmunge processes at once, whoever asks", async () => {
    let arrived = 0;
    const allArrived = new Promise<void>((resolve) => {
      server.server.on("request", () => {
        if (++arrived === 300) resolve();
      });
    });
    const credential = JSON.stringify({ credential: "MUNGE:AA==:" });
    const asked = Array.from({ length: 300 }, () => send("POST", "/v1/token", "", credential));
    await allArrived;
    // When a later request has its answer, the earlier ones have come as far as they can.
    await send("GET", "/v1/none", tokenFor());
    expect(mostIdentifying).toBeLessThanOrEqual(32);
    letIdentify();
    for (const { status } of await Promise.all(asked)) expect([401, 429, 503]).toContain(status);
  });

  test("does not start an invocation that was cancelled while its attempt was recorded", async () => {
    const record = new ExecutorRecord(executorId("n1.a"), nodeName("n1"), "127.0.0.1", 0);
    record.become("starting");
    record.become("ready");
    record.claimed = { cores: 8, memoryMb: 8_000, gpus: [] };
    record.order(record.claimed);
    record.line = { send: (message) => sent.push(message) > 0, close: () => {} };
    registry.add(record);
    const submission = admit(plain, owner.uid, noLoad, null, admission);
    live.add({ invocation: waiting(1), digest: digestOf(owner.uid, submission) }, null);
    dispatcher.kick();
    await turn();
    expect(live.get(invocationId(1))!.invocation.state).toBe("RUNNING");
    const cancelled = await send("POST", "/v1/cancel", tokenFor(), '{"ids":["1"]}');
    expect(cancelled.body).toMatchObject({ cancelled: 1 });
    begun();
    await turn();
    // Either it is not sent at all, or its cancel comes after it.
    const started = sent.findLastIndex(({ type }) => type === "start");
    const ended = sent.findLastIndex(({ type }) => type === "cancel");
    expect(started < 0 || ended > started).toBe(true);
  });

  test.each([
    ["not JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["a prototype", '{"__proto__":{"operator":true}}'],
    ["a hundred thousand brackets", "[".repeat(100_000)],
    ["unknown keys", JSON.stringify({ requestId: randomUUID(), submission: plain, uid: 0 })],
    [
      "a negative count",
      JSON.stringify({ requestId: randomUUID(), submission: { ...plain, cores: -1 } }),
    ],
    [
      "half a core",
      JSON.stringify({ requestId: randomUUID(), submission: { ...plain, cores: 0.5 } }),
    ],
    ["a NUL", JSON.stringify({ requestId: randomUUID(), submission: { ...plain, name: "a\0" } })],
  ])("refuses a submission that is %s with one sentence", async (_, payload) => {
    const answer = await send("POST", "/v1/invocations", tokenFor(), payload);
    expect(answer.status).toBe(400);
    const { code, message } = (answer.body as { error: { code: string; message: string } }).error;
    expect(code).toBe("BAD_REQUEST");
    expect(message).not.toContain("\n");
  });

  test.each(["1.5", "-1", "%00", "..%2f..", "1e3", "__proto__", "42_", "42_1_1", "99999999999"])(
    "takes %s for no id",
    async (id) => {
      const answer = await send("GET", `/v1/invocations/${id}`, tokenFor());
      expect(answer.status).toBe(400);
    },
  );

  test("accepts only its own tokens, unchanged and in time", async () => {
    const token = secrets.issueToken(owner, nowMs() + 60_000);
    const [body, mac] = token.split(".") as [string, string];
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
    const root = Buffer.from(JSON.stringify({ ...claims, uid: 0, user: "root" })).toString(
      "base64url",
    );
    const bad = [`${root}.${mac}`, `${body}.`, `${body}.${mac.slice(2)}`, body, ".", "a.b.c", ""];
    for (const each of [...bad, secrets.issueToken(owner, nowMs()), "x".repeat(5_000)]) {
      const answer = await send("GET", "/v1/invocations", `Bearer ${each}`);
      expect(answer.status).toBe(401);
    }
  });
});
