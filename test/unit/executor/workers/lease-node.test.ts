// A lease on a real node, with the real runtime and client library: calls go to the worker
// directly, and what ends the lease reaches gleanerd.

import { afterEach, expect, test } from "@jest/globals";
import { monotonicMs } from "../../../../src/clock.js";
import { DirectLine } from "../../../../src/sdk/leases/direct-line.js";
import type { LeaseCommand } from "../../../../src/wire/calls.js";
import type { AttemptKey, CallAttemptOrder } from "../../../../src/wire/messages.js";
import { callingNode, resultOf } from "../../../support/executor/calling-node.js";
import type { FunctionCode } from "../../../support/executor/function-code.js";

// On a busy machine, a worker needs a while to stop.
const at = callingNode({ killWaitMs: 20_000 });
const key = Buffer.alloc(32, 9);
const terms: LeaseCommand = { hotMs: 0, ttlMs: 3_600_000, idleMs: 3_600_000, ports: "0", key };
const lines: DirectLine[] = [];
afterEach(() => {
  for (const line of lines.splice(0)) line.close("the test is over");
});

function leaseOrder(code: FunctionCode, change: Partial<LeaseCommand> = {}): CallAttemptOrder {
  const order = at.order(code);
  const input = { contentType: "", body: Buffer.alloc(0) };
  return { ...order, command: { ...order.command, input, lease: { ...terms, ...change } } };
}

const keyOf = ({ invocation, attempt }: CallAttemptOrder): AttemptKey => ({ invocation, attempt });
const isOf =
  (order: CallAttemptOrder) =>
  ({ key: { invocation } }: { key: AttemptKey }) =>
    invocation === order.invocation;

/** Orders a lease and connects to its worker. */
async function leased(
  code: FunctionCode,
  change: Partial<LeaseCommand> = {},
): Promise<{ order: CallAttemptOrder; line: DirectLine }> {
  const order = leaseOrder(code, change);
  at.daemon.send({ type: "start", order });
  const { port, socket, hostId } = await at.daemon.hears("serving", isOf(order));
  const endpoint = {
    worker: `${order.invocation}.${order.attempt}`,
    node: "n1",
    host: "127.0.0.1",
    ...{ port, socket, hostId },
    key: key.toString("hex"),
    state: "serving",
  } as const;
  const line = await new Promise<DirectLine>((resolve, reject) => {
    const made: DirectLine = new DirectLine(
      endpoint as never,
      { host: "127.0.0.1", port },
      {
        onReady: () => resolve(made),
        onRoom: () => {},
        onClosed: (reason) => reject(new Error(reason)),
      },
    );
    lines.push(made);
  });
  return { order, line };
}

const ask = (line: DirectLine, input: unknown): Promise<unknown> =>
  new Promise((resolve, reject) =>
    line.send(
      {
        name: "1",
        attempt: 1,
        contentType: "application/json",
        body: Buffer.from(JSON.stringify(input)),
        deadlineMs: monotonicMs() + 60_000,
        succeed: ({ payload }) => resolve(JSON.parse(payload.toString())),
        fail: (error) => reject(new Error(error.message)),
        notRun: () => reject(new Error("not run")),
        lost: (reason) => reject(new Error(`lost: ${reason}`)),
      },
      monotonicMs(),
    ),
  );

const files = {
  "index.mjs": `export default (input) => {
  if (input?.exit) process.kill(process.pid, "SIGSEGV");
  const untilUs = process.cpuUsage().user + 1_000 * (input?.spin ?? 0);
  while (process.cpuUsage().user < untilUs);
  return process.pid;
}`,
};

test("a worker serves until the lease is cancelled, is metered from outside, and is warm", async () => {
  const code = await at.function(files);
  const { order, line } = await leased(code);
  const pid = await ask(line, { spin: 300 });
  expect(await ask(line, null)).toBe(pid);
  at.daemon.send({ type: "cancel", key: keyOf(order) });
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({ end: "COMPLETED", exitCode: 0, reason: "it was cancelled" });
  expect(report.cpuMs).toBeGreaterThanOrEqual(250);
  expect(report.wallMs).toBeGreaterThanOrEqual(250);
  expect(report.lease?.calls).toBe(2);
  expect(report.lease!.busyMs).toBeGreaterThanOrEqual(250);
  expect(resultOf(await at.call(code, null))).toBe(pid);
});

test("a worker that crashes ends its lease as failed, with its signal", async () => {
  const { order, line } = await leased(await at.function(files));
  const lost = ask(line, { exit: true }).catch(String);
  expect(await at.daemon.report(order)).toMatchObject({
    end: "FAILED",
    signal: 11,
    reason: "it was killed by signal 11 (SIGSEGV: access to memory that it does not have)",
  });
  expect(await lost).toMatch(/lost: /);
});

test("a job evicts a leased worker, and what it held and used until then is measured", async () => {
  const { order, line } = await leased(await at.function(files));
  await ask(line, { spin: 50 });
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({ end: "EVICTED" });
  expect(report.cpuMs).toBeGreaterThanOrEqual(40);
  expect(report.wallMs).toBeGreaterThanOrEqual(40);
});

test("the lease of a client that dies ends, and is paid for no longer", async () => {
  const idleMs = 200;
  const { order, line } = await leased(await at.function(files), { idleMs });
  await ask(line, null);
  line.close("its client died");
  const diedAtMs = monotonicMs();
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({
    end: "COMPLETED",
    reason: `no client was connected to its worker for ${idleMs} ms`,
  });
  expect(monotonicMs() - diedAtMs).toBeGreaterThanOrEqual(idleMs - 1);
});
