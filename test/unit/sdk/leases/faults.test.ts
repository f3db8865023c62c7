// Leased workers that break the rules, or are not there: each call ends elsewhere or by a typed
// error, and no other call with it.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { GleanerError } from "../../../../src/model/errors.js";
import type { Lease } from "../../../../src/sdk/leases/lease.js";
import { encodeContentType } from "../../../../src/wire/worker/messages.js";
import { Leasing } from "../../../support/sdk/leasing.js";
import {
  type Scripted,
  ScriptedWorker,
  stuckWorker,
} from "../../../support/sdk/scripted-worker.js";

let lease: Lease;
const workers: ScriptedWorker[] = [];

const scripted = async (
  onCall: (id: number, client: Scripted) => void,
  name?: string,
): Promise<ScriptedWorker> => {
  const worker = await ScriptedWorker.start(onCall, name);
  workers.push(worker);
  return worker;
};
const good = (id: number, { outbox }: Scripted): void =>
  outbox.send("result", id, Buffer.from(`"${id}"`), encodeContentType("application/json"));

afterEach(async () => {
  await lease?.end();
  for (const worker of workers.splice(0)) worker.stop();
});

test.each<[string, (id: number, client: Scripted) => void, RegExp]>([
  ["garbage", (_, { socket }) => socket.write("HTTP/1.1 200 OK\r\n\r\n"), /broke the protocol/],
  [
    "an error that is none",
    (id, { outbox }) => outbox.send("error", id, Buffer.from("kind=mine\0")),
    /broke the protocol/,
  ],
  ["the answer of another call", (id, client) => good(id + 1, client), /it was not sent/],
  ["what only clients send", (_, { outbox }) => outbox.send("clientHello", 0), /no worker sends/],
  ["half an answer, and dies", (_, { socket }) => socket.end("\0\0\0\u0010\u0007"), /glean show 1/],
])("a worker that sends %s loses the call in it, which is told why", async (_what, answer, why) => {
  const worker = await scripted(answer);
  lease = await new Leasing([worker.endpoint]).open({ retry: "never" });
  const lost = lease.invoke(1);
  await expect(lost).rejects.toMatchObject({ code: "LEASE_LOST", id: "7/1" });
  await expect(lost).rejects.toThrow(why);
  await expect(lost).rejects.toThrow(/worker 1\.1 on n1.*may have run/);
});

test("a call that each worker loses goes through gleanerd after the second one", async () => {
  const worker = await scripted((_, { socket }) => socket.destroy());
  const leasing = new Leasing([worker.endpoint]);
  lease = await leasing.open();
  await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  expect(worker.calls).toBe(2);
});

test("a call whose worker was lost goes to another node first, where no worker is being lost", async () => {
  const first = await scripted((_, { socket }) => socket.destroy());
  const beside = await scripted((_, { socket }) => socket.destroy(), "2.1");
  const apart = await scripted(good, "3.1");
  const leasing = new Leasing([first.endpoint, beside.endpoint, { ...apart.endpoint, node: "n2" }]);
  lease = await leasing.open();
  await expect(lease.invoke(1)).resolves.toBe("1");
  expect([first.calls, beside.calls, apart.calls]).toEqual([1, 0, 1]);
});

test("one that answers twice does no harm to the next call", async () => {
  const worker = await scripted((id, client) => {
    good(id, client);
    good(id, client);
  });
  lease = await new Leasing([worker.endpoint]).open({ retry: "never" });
  for (let each = 1; each <= 3; each++) await expect(lease.invoke(1)).resolves.toBe(`${each}`);
});

test("one that is busy is not asked again at once", async () => {
  const worker = await scripted((id, { outbox }) => outbox.send("busy", id));
  lease = await new Leasing([worker.endpoint]).open();
  await expect(lease.invoke(1, { timeLimitMs: 300 })).rejects.toMatchObject({ code: "TIMEOUT" });
  // After 10, 20, 40, 80, 160 and 320 ms.
  expect(worker.calls).toBeLessThanOrEqual(7);
});

test("what a busy worker does not take runs on another one", async () => {
  const busy = await scripted((id, { outbox }) => outbox.send("busy", id));
  const idle = await scripted(good, "2.1");
  lease = await new Leasing([busy.endpoint, idle.endpoint]).open();
  const calls = Array.from({ length: 8 }, () => lease.invoke(1));
  await expect(Promise.all(calls)).resolves.toHaveLength(8);
  expect(idle.calls).toBe(8);
});

test("one that has ended is sent nothing more over its connection", async () => {
  const worker = await scripted((id, { outbox }) => outbox.send("ended", id));
  const leasing = new Leasing([worker.endpoint]);
  lease = await leasing.open();
  const call = lease.invoke(1);
  leasing.change([], "ENDED");
  await expect(call).resolves.toBe("by gleanerd");
  expect(worker.calls).toBe(1);
});

test("a lease that a restarted gleanerd does not know is requested again, and calls go on", async () => {
  const [lost, next] = [await scripted(() => {}), await scripted(good, "8.1")];
  const leasing = new Leasing([lost.endpoint]);
  lease = await leasing.open();
  const call = lease.invoke(1);
  lost.stop();
  leasing.forget([next.endpoint]);
  await expect(call).resolves.toBe("1");
  expect(leasing.elsewhere).toEqual([]);
  expect(lease).toMatchObject({ id: "8", state: "ACTIVE" });
});

test("a lease that has ended is followed by another one as soon as a call needs it", async () => {
  const [first, next] = [await scripted(good), await scripted(good, "8.1")];
  const leasing = new Leasing([first.endpoint]);
  lease = await leasing.open();
  first.stop();
  leasing.change([], "ENDED");
  while (lease.state !== "ENDED") await new Promise(setImmediate);
  expect(leasing.asked.filter((asked) => asked === "POST /v1/leases")).toHaveLength(1);
  leasing.state = "ACTIVE";
  leasing.forget([next.endpoint]);
  await expect(lease.invoke(1)).resolves.toBe("1");
  expect(lease).toMatchObject({ id: "8", state: "ACTIVE" });
  expect(leasing.elsewhere).toEqual([]);
  await lease.end();
  expect(leasing.asked.at(-1)).toBe("POST /v1/leases/8/end");
});

test("without another lease calls go through gleanerd, which is not asked for one by each", async () => {
  const worker = await scripted(good);
  const leasing = new Leasing([worker.endpoint]);
  lease = await leasing.open();
  leasing.change([], "ENDED");
  while (lease.state !== "ENDED") await new Promise(setImmediate);
  for (let each = 0; each < 20; each++) await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  const requests = leasing.asked.filter((asked) => asked === "POST /v1/leases").length;
  // The pauses between them double, so that there are few however long 20 calls take.
  expect(requests).toBeGreaterThan(1);
  expect(requests).toBeLessThan(12);
  expect(lease.state).toBe("ENDED");
});

test("calls that reach neither a worker nor gleanerd fail, after a second each", async () => {
  const worker = await scripted(good);
  const leasing = new Leasing([worker.endpoint]);
  leasing.invoke = async () => {
    throw new GleanerError("UNREACHABLE", "gleanerd does not answer");
  };
  lease = await leasing.open();
  worker.stop();
  leasing.change([]);
  const began = performance.now();
  for (let each = 0; each < 3; each++)
    await expect(lease.invoke(1)).rejects.toMatchObject({ code: "UNREACHABLE" });
  expect(performance.now() - began).toBeGreaterThan(2_500);
});

test("a call has a deadline, also one that nobody can run", async () => {
  const worker = await scripted(() => {});
  const leasing = new Leasing([worker.endpoint]);
  leasing.invoke = () => new Promise(() => {});
  lease = await leasing.open();
  const silent = lease.invoke(1, { timeLimitMs: 50 });
  await expect(silent).rejects.toMatchObject({ code: "TIMEOUT" });
  leasing.change([], "ENDED");
  const unanswered = lease.invoke(1, { timeLimitMs: 50 });
  await expect(unanswered).rejects.toMatchObject({ code: "TIMEOUT" });
  await expect(lease.invoke(1, { timeLimitMs: 0 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("one that does not end a call for which nobody waits gets no other one until it does", async () => {
  const { worker: stuck, answer } = await stuckWorker("1.1");
  workers.push(stuck);
  const other = await scripted(good, "2.1");
  const leasing = new Leasing([stuck.endpoint]);
  lease = await leasing.open();
  const silent = lease.invoke(1, { timeLimitMs: 50 });
  await expect(silent).rejects.toMatchObject({ code: "TIMEOUT" });
  while (stuck.calls === 0) await new Promise(setImmediate);
  await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  leasing.change([stuck.endpoint, other.endpoint]);
  while (other.calls === 0) {
    await new Promise(setImmediate);
    await lease.invoke(1);
  }
  const calls = Array.from({ length: 8 }, () => lease.invoke(1));
  await expect(Promise.all(calls)).resolves.toHaveLength(8);
  expect([stuck.calls, other.calls]).toEqual([1, 9]);
  answer();
  const both = () => Promise.all([lease.invoke(1), lease.invoke(1)]);
  while (!(await both()).includes("1.1")) await new Promise(setImmediate);
});

test("a process that listens where the worker should learns nothing of a call", async () => {
  const heard: Buffer[] = [];
  // It sends back what it hears, as if it had said that itself, or what a worker said to others.
  const impostor = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (piece: Buffer) => {
      heard.push(piece);
      socket.write(piece);
    });
  });
  impostor.listen(0, "127.0.0.1");
  await once(impostor, "listening");
  const worker = await scripted(good);
  const { port } = impostor.address() as AddressInfo;
  const leasing = new Leasing([{ ...worker.endpoint, port }]);
  lease = await leasing.open();
  await expect(lease.invoke("secret")).resolves.toBe("by gleanerd");
  expect(Buffer.concat(heard).toString()).not.toMatch(/secret|clientProof/);
  impostor.close();
});

test("a worker that claims the name of another one has not its key", async () => {
  const [mine, other] = [await scripted(good), await scripted(good, "2.1")];
  lease = await new Leasing([
    { ...mine.endpoint, port: other.endpoint.port },
    { ...other.endpoint, worker: "3.1" },
    { ...other.endpoint, key: randomBytes(32).toString("hex") },
  ]).open();
  await expect(lease.invoke(1)).resolves.toBe("by gleanerd");
  expect([mine.calls, other.calls]).toEqual([0, 0]);
});
