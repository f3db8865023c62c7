// Leases over real workers: calls, errors, and every way in which a worker may go.

import { afterEach, describe, expect, test } from "@jest/globals";
import { CallError, FunctionError } from "../../../../src/sdk/calls/errors.js";
import { LeaseClient } from "../../../../src/sdk/functions/lease-client.js";
import { BrokenOffError } from "../../../../src/sdk/http/answer.js";
import type { Exchange } from "../../../../src/sdk/http/request.js";
import type { Lease } from "../../../../src/sdk/leases/lease.js";
import {
  type ServedWorker,
  type ServingOptions,
  startServing,
  stopServing,
} from "../../../support/runtimes/serving.js";
import { endpointOf, Leasing } from "../../../support/sdk/leasing.js";

const code = {
  "index.mjs": `
    import { setTimeout as pause } from "node:timers/promises";
    let aborted = 0;
    export default async (input, { attempt, signal, callId }) => {
      if (input === "aborted") return aborted;
      signal.addEventListener("abort", () => aborted++);
      if (input?.ms !== undefined) await pause(input.ms, undefined, { signal });
      if (input === "throw") throw new TypeError("no");
      if (input === "exit") process.exit(3);
      if (input === "who") return process.pid;
      if (input === "id") return { callId, attempt };
      return input?.ms === undefined ? input : attempt;
    };`,
};

let lease: Lease;
const serve = (worker = "1.1", options: ServingOptions = {}): Promise<ServedWorker> =>
  startServing("node", code, { worker, concurrency: 4, ...options });

afterEach(async () => {
  await lease?.end();
  await stopServing();
});

test("calls go to the workers and come back as values, text and bytes of every size", async () => {
  const worker = await serve();
  const leasing = new Leasing([endpointOf(worker.endpoint)]);
  lease = await leasing.open();
  await expect(lease.invoke({ a: [1, "ü"] })).resolves.toEqual({ a: [1, "ü"] });
  await expect(lease.invoke("text")).resolves.toBe("text");
  await expect(lease.invoke()).resolves.toBeNull();
  for (const bytes of [0, 1, 1_000, 70_000, 5 << 20]) {
    const input = new Uint8Array(bytes).fill(7);
    const result = await lease.invoke<Uint8Array>(input);
    expect(Buffer.from(result).equals(Buffer.from(input))).toBe(true);
  }
  await expect(lease.invoke("id")).resolves.toEqual({ callId: "7/9", attempt: 1 });
  expect(leasing.elsewhere).toEqual([]);
  expect(lease.workers).toEqual([{ worker: "1.1", node: "n1", state: "serving" }]);
});

test("calls use all workers, and a map keeps the order and its errors", async () => {
  const workers = await Promise.all([serve("1.1"), serve("2.1")]);
  lease = await new Leasing(workers.map(({ endpoint }) => endpointOf(endpoint))).open();
  const processes = await Promise.all(Array.from({ length: 8 }, () => lease.invoke("who")));
  expect(new Set(processes).size).toBe(2);
  const results: unknown[] = [];
  for await (const end of lease.map([1, "throw", { ms: 20 }, 3], { window: 2 }))
    results.push(end.ok ? end.value : (end.error as FunctionError).type);
  expect(results).toEqual([1, "TypeError", 1, 3]);
  await expect(lease.invoke("throw")).rejects.toBeInstanceOf(FunctionError);
});

describe("a worker that is killed in the middle of calls", () => {
  const startedCall = async (worker: ServedWorker, retry: "evicted" | "never") => {
    const leasing = new Leasing([endpointOf(worker.endpoint)]);
    lease = await leasing.open({ retry });
    await lease.invoke(1);
    const call = lease.invoke({ ms: 300 }) as Promise<unknown>;
    return { leasing, call };
  };

  test("its calls run on a replacement, as the next attempt", async () => {
    const [first, second] = await Promise.all([serve("1.1"), serve("1.2")]);
    const { leasing, call } = await startedCall(first, "evicted");
    first.runtime.child.kill("SIGKILL");
    leasing.change([endpointOf(second.endpoint)]);
    await expect(call).resolves.toBe(2);
    expect(leasing.elsewhere).toEqual([]);
  });

  test("without a replacement they go through gleanerd", async () => {
    const worker = await serve();
    const { leasing, call } = await startedCall(worker, "evicted");
    worker.runtime.child.kill("SIGKILL");
    leasing.change([]);
    await expect(call).resolves.toBe("by gleanerd");
  });

  test("with retry: never they end as lost, and calls after them do not", async () => {
    const worker = await serve();
    const { leasing, call } = await startedCall(worker, "never");
    // Its output first: the call is in the worker.
    await lease.invoke(1);
    worker.runtime.child.kill("SIGKILL");
    await expect(call).rejects.toMatchObject({
      code: "LEASE_LOST",
      message: expect.stringMatching(/worker 1\.1 on n1 crashed or was killed: see glean show 1;/),
    });
    leasing.change([], "ENDED");
    await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  });
});

test("a handler that ends its process is asked twice, then gleanerd tells why", async () => {
  const workers = await Promise.all([serve("1.1"), serve("2.1"), serve("3.1")]);
  const leasing = new Leasing(workers.map(({ endpoint }) => endpointOf(endpoint)));
  lease = await leasing.open();
  await expect(lease.invoke("exit")).rejects.toMatchObject({ type: "ProcessExit" });
});

test("a signal and a time limit end a call, and its handler hears of it", async () => {
  const worker = await serve();
  lease = await new Leasing([endpointOf(worker.endpoint)]).open();
  await expect(lease.invoke({ ms: 60_000 }, { timeLimitMs: 50 })).rejects.toMatchObject({
    code: "TIMEOUT",
  });
  const signal = AbortSignal.timeout(50);
  const call = lease.invoke({ ms: 60_000 }, { signal });
  await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
  while ((await lease.invoke("aborted")) !== 2);
  await worker.end();
});

test("a lease that ends has its calls answered, and the worker is warm again", async () => {
  const worker = await serve();
  const leasing = new Leasing([endpointOf(worker.endpoint)]);
  lease = await leasing.open();
  const running = lease.invoke({ ms: 200 });
  await lease.invoke(1);
  leasing.change([], "ENDED");
  await expect(worker.end()).resolves.toMatchObject({ kind: "returned" });
  await expect(running).resolves.toBe(1);
  await expect(worker.runtime.json([1])).resolves.toEqual([1]);
  expect(worker.usages.at(-1)).toMatchObject({ clients: 0, calls: 2 });
});

test("what is listening there without the key gets no call", async () => {
  const worker = await serve();
  const stranger = { ...endpointOf(worker.endpoint), key: "0".repeat(64) };
  const leasing = new Leasing([stranger]);
  lease = await leasing.open();
  await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  expect(worker.usages).toEqual([]);
});

test("end() ends what has not ended", async () => {
  const worker = await serve();
  const leasing = new Leasing([endpointOf(worker.endpoint)]);
  lease = await leasing.open();
  const call = lease.invoke({ ms: 60_000 });
  const lost = expect(call).rejects.toBeInstanceOf(CallError);
  await lease.end();
  await lost;
  expect(leasing.asked).toContain("POST /v1/leases/7/end");
  await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
});

test("a lease is ended although gleanerd closed the connection that was kept for it", async () => {
  const asked: Exchange[] = [];
  const client = new LeaseClient(async (what) => {
    asked.push(what);
    if (asked.length === 1) throw new BrokenOffError("it was closed", null);
    return { state: "TERMINATING" };
  });
  await expect(client.end(7)).resolves.toEqual({ state: "TERMINATING" });
  expect(asked.map(({ path }) => path)).toEqual(["/v1/leases/7/end", "/v1/leases/7/end"]);
  expect(asked[0]!.keepsConnection).toBe(true);
  const away = new LeaseClient(async () => {
    throw new BrokenOffError("it was closed", null);
  });
  await expect(away.end(7)).rejects.toMatchObject({ code: "UNREACHABLE" });
});
