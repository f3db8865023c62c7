// The API's answers about invocations: one, a list, a wait, a submission; each user can access only
// their own.

import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { nowMs } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import {
  type InvocationRoutes,
  invocationHandlers,
} from "../../../../src/daemon/api/invocations.js";
import { Waiters } from "../../../../src/daemon/invocations/waiters.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import { entriesOf } from "../../../../src/daemon/state/queue-figures.js";
import { executorId, type InvocationId, nodeName } from "../../../../src/model/ids.js";
import type { InvocationList } from "../../../../src/wire/api/types.js";
import { TestApi } from "../../../support/daemon/api.js";
import { newState } from "../../../support/daemon/state.js";
import {
  sampleAttempt,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

const rules = {
  defaultMemoryPerCoreMb: 1_000,
  defaultTimeLimitMs: 600_000,
  maxTimeLimitMs: 3_600_000,
  maxArrayTasks: 101,
  maxPending: 1_000,
  maxPendingEntries: 1_000,
  maxDocumentsMb: 100,
  maxScriptBytes: 1_000,
  maxEnvironmentBytes: 1_000,
  allowRootFunctions: false,
};
const ada = { uid: 1_000, user: "u1000" };
const bob = { uid: 1_001, user: "u1001" };

let store: Store;
let live: LiveInvocations;
let api: TestApi;
let events: string[];
let refusal: Error | null;
storeForEachTest((opened) => {
  store = opened;
});

beforeEach(async () => {
  const state = newState();
  live = state.live;
  [events, refusal] = [[], null];
  const note = (what: string) => () => void events.push(what);
  const parts = {
    store,
    live,
    waiters: new Waiters(live, state.events),
    registry: state.registry,
    executors: { cancel: note("cancel") },
    dispatcher: { kick: note("kick") },
    checkpoints: { admit: note("admit checkpoint"), submitted: note("checkpoint") },
    documents: { remember: (id: InvocationId) => void events.push(`document ${id}`) },
    admission: rules,
    access: {
      require: async () => {
        if (refusal !== null) throw refusal;
      },
    },
    reserve: { require: async () => undefined },
    largestNode: () => null,
    accounts: { byName: async () => null },
  } as unknown as InvocationRoutes;
  const secrets = { ofRun: (id: InvocationId) => Buffer.alloc(32, id) };
  api = await TestApi.open(
    invocationHandlers({ ...parts, secrets, desertedAfterMs: 1, log: pino({ level: "silent" }) }),
  );
});
afterEach(() => api.close());

async function submit(name: string, of = ada, tasks: readonly number[] | null = null) {
  const request = sampleRequest(name, { ...of, tasks });
  const recorded = await submitTo(store, request);
  const digest = digestOf(of.uid, request.submission);
  return recorded.map((invocation) => live.add({ invocation, digest }, null));
}

async function end(each: Awaited<ReturnType<typeof submit>>[number]): Promise<void> {
  const { id } = each.invocation;
  await store.beginAttempt(sampleAttempt(id));
  live.begin(each, executorId("e1"), { attempt: 1, startedAtMs: 1, node: nodeName("n1") });
  await store.endAttempt(sampleResult(id));
  live.finish(each, { state: "COMPLETED", endedAtMs: 4_000 });
}

const idsIn = ({ body }: { body: { invocations: { id: number }[] } }) =>
  body.invocations.map(({ id }) => id);

describe("one invocation", () => {
  test("is shown with its submission, without the environment, and with its attempts", async () => {
    const [each] = await submit("a");
    await end(each!);
    const { status, body } = await api.ask("/v1/invocations/1", ada.uid);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      invocation: { id: 1, state: "COMPLETED" },
      submission: { name: "sum", cores: 2 },
      attempts: [{ number: 1, state: "COMPLETED" }],
    });
    expect(body.submission).not.toHaveProperty("environment");
  });

  test("is shown only to its owner and operators", async () => {
    await submit("a");
    expect((await api.ask("/v1/invocations/1", bob.uid)).status).toBe(403);
    expect((await api.ask("/v1/invocations/1")).status).toBe(200);
    expect((await api.ask("/v1/invocations/9")).status).toBe(404);
  });
});

describe("a list", () => {
  test("has the user's own invocations, or all for an operator, in the requested states and ids", async () => {
    const [ended] = await submit("a");
    await submit("b");
    await submit("c", bob);
    await end(ended!);
    const list = async (query = "", uid = 0) =>
      idsIn(await api.ask(`/v1/invocations${query}`, uid));
    expect(await list("", ada.uid)).toEqual([1, 2]);
    expect(await list()).toEqual([1, 2, 3]);
    expect(await list("?user=1001")).toEqual([3]);
    expect(await list("?states=PENDING,RUNNING", ada.uid)).toEqual([2]);
    expect(await list("?states=PENDING,RUNNING")).toEqual([2, 3]);
    expect(await list("?states=COMPLETED")).toEqual([1]);
    expect(await list("?states=PENDING,COMPLETED")).toEqual([1, 2, 3]);
    expect(await list("?ids=1,3", ada.uid)).toEqual([1]);
    expect(await list("?ids=1,2&states=PENDING")).toEqual([2]);
    expect(await list("?sinceMs=4001")).toEqual([2, 3]);
    expect((await api.ask("/v1/invocations?user=1001", ada.uid)).status).toBe(403);
  });

  test("says when there are more than requested", async () => {
    await submit("a", ada, [0, 1, 2]);
    const { body } = await api.ask("/v1/invocations?limit=2", ada.uid);
    expect([body.invocations.length, body.truncated]).toEqual([2, true]);
    const whole = await api.ask("/v1/invocations?limit=3", ada.uid);
    expect([whole.body.invocations.length, whole.body.truncated]).toEqual([3, false]);
    // A task goes by its own id, too.
    for (const [named, ids] of [
      ["1", [1, 2, 3]],
      ["2", [2]],
      ["1_1", [2]],
    ] as const)
      expect(idsIn(await api.ask(`/v1/invocations?ids=${named}`, ada.uid))).toEqual(ids);
  });
});

test.each(["", "?ids=2", "?states=PENDING", "?states=PENDING,COMPLETED"])(
  "a list (%s) tells why each waits, which only the memory knows",
  async (query) => {
    const [ended] = await submit("a");
    await end(ended!);
    const [waits] = await submit("b");
    waits!.change({ reason: "waiting for a hole" });
    const { body } = await api.ask(`/v1/invocations${query}`, ada.uid);
    expect(body.invocations.at(-1)).toMatchObject({ id: 2, reason: "waiting for a hole" });
  },
);

test("a list of unfinished invocations is ordered by id", async () => {
  const tasks = await submit("a", ada, [0, 1, 2]);
  const [first] = tasks;
  const { invocation, digest } = first!;
  live.finish(first!, { state: "CANCELLED", endedAtMs: 1 });
  live.add({ invocation, digest }, null); // now the newest in memory
  expect(idsIn(await api.ask("/v1/invocations?states=PENDING", ada.uid))).toEqual([1, 2, 3]);
});

describe("a wait", () => {
  test("answers with all invocations once they have ended", async () => {
    const tasks = await submit("a", ada, [0, 1]);
    const waiting = api.ask("/v1/invocations/1/wait", ada.uid);
    for (const task of tasks) await end(task);
    const { body } = await waiting;
    expect(body.invocations.map(({ state }: { state: string }) => state)).toEqual([
      "COMPLETED",
      "COMPLETED",
    ]);
  });

  test("answers at the timeout with one that has not ended", async () => {
    const [first] = await submit("a", ada, [0, 1]);
    await end(first!);
    const array = await api.ask("/v1/invocations/1/wait?timeoutMs=1", ada.uid);
    expect(array.body.invocations).toMatchObject([{ id: 2, state: "PENDING" }]);
    const task = await api.ask("/v1/invocations/1_1/wait?timeoutMs=1", ada.uid);
    expect(task.body.invocations).toMatchObject([{ id: 2 }]);
    const ended = await api.ask("/v1/invocations/1_0/wait?timeoutMs=1", ada.uid);
    expect(ended.body.invocations).toMatchObject([{ id: 1, state: "COMPLETED" }]);
  });

  test("of a run that waits is its last if its client does not ask again, also without a hang-up", async () => {
    const client = { hosts: ["127.0.0.1"], port: 1, socket: "", bootId: "" };
    const command = { kind: "attached", argv: ["hostname"], client } as const;
    const { submission, ...made } = sampleRequest("a", ada);
    const request = { ...made, submission: { ...submission, command } };
    const [run] = await submitTo(store, request);
    live.add({ invocation: run!, digest: digestOf(ada.uid, request.submission) }, null);
    await api.ask("/v1/invocations/1/wait?timeoutMs=0", ada.uid);
    while (live.has(run!.id)) await new Promise((resolve) => setTimeout(resolve, 5));
    const [ended] = await store.listInvocations({ ids: [run!.id], limit: 1 });
    expect(ended).toMatchObject({ state: "CANCELLED", reason: expect.stringMatching(/is gone/) });
  });

  test("is only for the owner", async () => {
    await submit("a");
    const { status, body } = await api.ask("/v1/invocations/1/wait", bob.uid);
    expect([status, body.error.message]).toEqual([403, expect.stringMatching(/wait for/)]);
  });
});

describe("a submission", () => {
  const submission = {
    name: "tile",
    command: { kind: "argv", argv: ["true"] },
    cores: 1,
    memoryMb: null,
    memoryPerCoreMb: null,
    gpus: 0,
    timeLimitMs: null,
    workingDirectory: "/tmp",
    stdoutPattern: null,
    stderrPattern: null,
    environment: {},
    arrayTasks: null as number[] | null,
  };
  const requestId = "11111111-1111-4111-8111-111111111111";
  const send = (change: object = {}, id = requestId) =>
    api.ask("/v1/invocations", ada.uid, {
      requestId: id,
      submission: { ...submission, ...change },
    });

  test("is durable, queued and in the audit log when it is answered", async () => {
    const beforeMs = nowMs();
    expect(await send({ arrayTasks: [3, 4] })).toEqual({ status: 200, body: { id: 1, tasks: 2 } });
    const stored = await store.listInvocations({ limit: 9 });
    expect(stored).toMatchObject([
      { arrayJobId: 1, arrayTaskId: 3, owner: ada, memoryMb: 1_000, timeLimitMs: 600_000 },
      { arrayTaskId: 4 },
    ]);
    expect(stored[0]!.submittedAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(live.queue.size).toBe(2);
    expect(events).toEqual(["document 1", "kick"]);
    expect(api.acts).toEqual([{ action: "submit", subject: "1", detail: "2 tasks" }]);
  });

  test("of a long array is one entry, listed newest first page by page and cancelled in one go", async () => {
    const arrayTasks = [{ from: 0, to: 99, step: 1 }];
    const limited = { arrayTasks, schedule: { mostRunning: 100 } };
    expect(await send(limited)).toEqual({ status: 200, body: { id: 1, tasks: 100 } });
    expect([...live.singles()]).toEqual([]);
    expect(entriesOf(live, ada.uid)).toEqual({ entries: 1, ownEntries: 1 });
    expect(live.of(ada.uid).count).toBe(100);
    for (const more of ["", "&states=PENDING", "&ids=1"]) {
      const pages: number[] = [];
      for (let before: number | null = 1_000; before !== null; ) {
        const path: string = `/v1/invocations?order=newest&limit=30&before=${before}${more}`;
        const { body } = await api.ask(path, ada.uid);
        const { invocations, truncated } = body as InvocationList;
        pages.push(...invocations.map(({ id }) => id));
        before = truncated ? invocations.at(-1)!.id : null;
      }
      expect(pages).toEqual(Array.from({ length: 100 }, (_, at) => 100 - at));
    }
    expect((await api.ask("/v1/invocations?before=3", ada.uid)).status).toBe(400);
    const folded = "/v1/invocations?states=PENDING,RUNNING&tasks=runs";
    for (const more of ["", "&ids=1", "&ids=7,1,1_7"])
      expect((await api.ask(`${folded}${more}`, ada.uid)).body.invocations).toEqual([
        expect.objectContaining({ id: 1, run: { count: 100, step: 1 }, mostRunning: 100 }),
      ]);
    const [task] = (await api.ask(`${folded}&ids=1_7`, ada.uid)).body.invocations;
    expect([task.id, task.run]).toEqual([8, undefined]);
    expect((await api.ask(folded, bob.uid)).body.invocations).toEqual([]);
    const cancelled = await api.ask("/v1/cancel", ada.uid, { ids: ["1"] });
    expect(cancelled.body).toEqual({ cancelled: 100, problems: [] });
    expect([live.size, live.hasArray(1 as InvocationId)]).toEqual([0, false]);
  });

  test.each(["1,101", "101,1,1_7", "8,1,101"])("by ids %s is on one page only", async (named) => {
    await send({ arrayTasks: [{ from: 0, to: 99, step: 1 }] });
    await send({}, "22222222-2222-4222-8222-222222222222");
    const pages: number[] = [];
    for (let before: number | null = 1_000; before !== null; ) {
      const path: string = `/v1/invocations?ids=${named}&order=newest&limit=30&before=${before}`;
      const { invocations, truncated } = (await api.ask(path, ada.uid)).body as InvocationList;
      pages.push(...invocations.map(({ id }) => id));
      before = truncated ? invocations.at(-1)!.id : null;
    }
    expect(pages).toEqual(Array.from({ length: 101 }, (_, at) => 101 - at));
  });

  test("that is sent again is recorded once", async () => {
    await send();
    expect(await send()).toMatchObject({ body: { id: 1 } });
    expect(live.size).toBe(1);
    const [each] = live.singles();
    await end(each!);
    expect(await send()).toMatchObject({ body: { id: 1 } });
    expect(live.size).toBe(0);
    // The first submission is what runs, whatever a repetition says.
    expect(events.filter((each) => each.startsWith("document"))).toEqual(["document 1"]);
  });

  test("with a checkpoint folder counts towards the limit on folders", async () => {
    await send({ checkpoint: true });
    expect(events).toEqual(["admit checkpoint", "document 1", "checkpoint", "kick"]);
  });

  test("counts for the limits before it is on record, however many come at once", async () => {
    const array = { arrayTasks: [{ from: 0, to: 99, step: 1 }], checkpoint: true };
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(array, randomUUID())));
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(5);
    expect(live.of(ada.uid).count).toBe(500);
    expect(live.arriving.sum("folders")).toBe(0);
    expect(answers.find(({ status }) => status !== 200)?.body.error).toMatchObject({
      code: "LIMIT_REACHED",
      message: expect.stringContaining("the limit for one user is 500 at present"),
    });
  });

  test("that is large is in the queue before the next large one is recorded; small ones pass", async () => {
    let smallIsAnswered = () => {};
    const small = new Promise<void>((resolve) => {
      smallIsAnswered = resolve;
    });
    const { submit } = store;
    store.submit = async (asked) => {
      events.push(`submit ${asked.submission.name}`);
      if (asked.submission.name === "large") await small;
      return submit.call(store, asked);
    };
    const large = { name: "large", arrayTasks: [{ from: 0, to: 100, step: 1 }], checkpoint: true };
    const sent = [large, large, large].map((each) => send(each, randomUUID()));
    expect((await send({ name: "small" }, randomUUID())).status).toBe(200);
    smallIsAnswered();
    for (const { status } of await Promise.all(sent)) expect(status).toBe(200);
    expect(live.size).toBe(304);
    const begunOrQueued = events.filter((each) => /large|^checkpoint/.test(each));
    expect(begunOrQueued).toEqual(Array(3).fill(["submit large", "checkpoint"]).flat());
  });

  test("by a user without access, or that is too large, leaves nothing", async () => {
    expect((await send({ timeLimitMs: 3_600_001 })).status).toBeGreaterThanOrEqual(400);
    refusal = new Error("no");
    expect((await send()).status).toBe(500);
    expect(await store.listInvocations({ limit: 9 })).toEqual([]);
    expect([live.size, events]).toEqual([0, []]);
  });
});

describe("a cancellation", () => {
  test("is in the audit log with what was named and its result", async () => {
    await submit("a");
    const { body } = await api.ask("/v1/cancel", ada.uid, { ids: ["1", "9"] });
    expect(body.cancelled).toBe(1);
    await api.ask("/v1/cancel", ada.uid, { ids: [], name: "sum" });
    expect(api.acts).toEqual([
      { action: "cancel", subject: "1,9", detail: "1 cancelled, 1 refused" },
      { action: "cancel", subject: '{"name":"sum"}', detail: "0 cancelled, 0 refused" },
    ]);
  });
});
