// Calls on a real node: code fetched once, workers started cold and used warm, their answers.

import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { untilGone } from "../../../../scripts/cluster/processes/gone.js";
import { checkExecutorMessage } from "../../../../src/wire/checks.js";
import { callingNode, logOf, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";
import { isFrozen } from "../../../support/executor/frozen.js";
import {
  callOrder,
  codeOf,
  type FunctionCode,
  handOut,
} from "../../../support/executor/function-code.js";

const at = callingNode();

test("a call starts a worker with the code from gleanerd; the next one finds it warm", async () => {
  const code = await codeOf({
    "index.mjs":
      "let calls = 0; export default (input) => ({ pid: process.pid, calls: ++calls, input });",
  });
  const handedOut = handOut(at.daemon, code);
  const first = await at.call(code, { n: 1 });
  await handedOut;
  expect(first).toMatchObject({ end: "COMPLETED", exitCode: 0 });
  const { startMs = 0, loadMs = 0, runMs = 0 } = first.phases ?? {};
  expect(startMs).toBeGreaterThan(0);
  expect(loadMs + runMs).toBeLessThanOrEqual(first.wallMs + 5);
  const second = await at.call(code, { n: 2 });
  expect(second.phases).toBeUndefined();
  const [one, other] = [resultOf(first), resultOf(second)] as { pid: number }[];
  expect(one).toMatchObject({ calls: 1, input: { n: 1 } });
  expect(other).toEqual({ pid: one!.pid, calls: 2, input: { n: 2 } });
  expect(at.daemon.heard.filter(({ type }) => type === "fetchBundle")).toHaveLength(1);
  const folder = join(at.node.spec.cacheFolder, "bundles", code.version);
  expect(statSync(folder).mode & 0o007).toBe(0);
});

test("the memory of a call is that of all processes of its worker", async () => {
  // Each holds 40 MB until all of them do.
  const code = await at.function({
    "index.mjs": `import { spawn } from "node:child_process";
import { once } from "node:events";
const piece = Buffer.alloc(1_000_000);
async function fill({ stdin }) {
  for (let each = 0; each < 40; each++) await new Promise((done) => stdin.write(piece, done));
}
export default async () => {
  const holders = [1, 2, 3].map(() =>
    spawn("tail", ["-c", "40000000"], { stdio: ["pipe", "ignore", "inherit"] }));
  await Promise.all(holders.map(fill));
  await Promise.all(holders.map((holder) => {
    const ended = once(holder, "exit");
    holder.stdin.end();
    return ended;
  }));
};`,
  });
  const report = await at.call(code, null, { memoryMb: 400 });
  expect(report).toMatchObject({ end: "COMPLETED" });
  expect(report.maxRssMb).toBeGreaterThanOrEqual(115);
});

test("a worker that gleanerd wants warm outlasts its idle timeout, until it is not wanted", async () => {
  const code = await at.function(
    { "index.mjs": "export default () => process.pid;" },
    { idleTimeoutMs: 100 },
  );
  const { version } = code;
  const order = callOrder(code, null);
  const kind = { uid: order.uid, version, cores: order.cores, memoryMb: order.memoryMb, gpus: 0 };
  at.daemon.send({ type: "keepWarm", workers: [{ ...kind, count: 1 }] });
  const first = resultOf(await at.call(code, null));
  await pause(400);
  expect(resultOf(await at.call(code, null))).toBe(first);
  await pause(400);
  at.daemon.send({ type: "keepWarm", workers: [] });
  await untilGone(Number(first));
  expect(resultOf(await at.call(code, null))).not.toBe(first);
});

test("a worker stays idle for as long as its last call said", async () => {
  const code = await at.function({ "index.mjs": "export default () => process.pid;" });
  const first = resultOf(await at.call(code, null));
  const short = { ...code, settings: { ...code.settings, idleTimeoutMs: 100 } };
  expect(resultOf(await at.call(short, null))).toBe(first);
  await untilGone(Number(first));
  expect(resultOf(await at.call(code, null))).not.toBe(first);
});

const checkOf = (code: FunctionCode) => {
  const order = at.order(code, null);
  return { ...order, command: { ...order.command, isCheck: true } };
};

test("a check loads the handler without a call, and leaves its worker warm", async () => {
  const code = await at.function({
    "index.mjs": "let calls = 0; export default () => ({ pid: process.pid, calls: ++calls });",
  });
  const check = checkOf(code);
  at.daemon.send({ type: "start", order: check });
  const report = await at.daemon.report(check);
  expect(report).toMatchObject({ end: "COMPLETED", answer: { kind: "result" } });
  const warm = await at.call(code, {});
  expect(warm.phases).toBeUndefined();
  expect(resultOf(warm)).toMatchObject({ calls: 1 });
});

test.each([
  ["import './none.mjs';", /Cannot find module .*none\.mjs/],
  ["export const other = 1;", /index\.mjs/],
  ["process.exit(3);", /the handler called process\.exit\(3\)/],
])("a check of %j fails in the runtime's words", async (source, words) => {
  const code = await at.function({ "index.mjs": source });
  const check = checkOf(code);
  at.daemon.send({ type: "start", order: check });
  const report = await at.daemon.report(check);
  expect(report).toMatchObject({ end: "FAILED", answer: { kind: "notLoaded" } });
  expect(report.reason).toMatch(words);
});

test("an exception comes with its type, message and stack, and what was printed", async () => {
  const code = await at.function({
    "index.mjs":
      "export default () => { console.log('before'); throw new RangeError('no such column'); };",
  });
  const report = await at.call(code, {});
  expect(report).toMatchObject({ end: "FAILED", reason: "RangeError: no such column" });
  expect(report.answer).toMatchObject({ kind: "exception", error: { type: "RangeError" } });
  expect(Buffer.from(report.log!).toString()).toBe("before\n");
});

/** Each call gets a behaviour by name. */
const behaviours = `
import { spawn } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
const hold = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default async ({ what }, context) => {
  if (what === "exit") process.exit(3);
  if (what === "crash") process.kill(process.pid, "SIGSEGV");
  if (what === "block") for (;;);
  if (what === "timer") { setTimeout(() => { throw new TypeError("late"); }, 1); await hold(600_000); }
  if (what === "close") { closeSync(3); await hold(600_000); }
  if (what === "garbage") { writeSync(3, "HTTP/1.1 200 OK\\r\\n\\r\\n and more"); await hold(600_000); }
  if (what === "memory") { const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1)); }
  if (what === "children") { spawn("sleep", ["600"], { stdio: "ignore", detached: true }).unref(); return "left one"; }
  if (what === "output") return Buffer.alloc(64 * 1024 * 1024 + 1);
  if (what === "words") throw Object.assign(new Error("x".repeat(50_000)), { name: "N".repeat(5_000) });
  if (what === "cancel") await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  if (what === "wait") await hold(600_000);
  return what;
};`;

const behaving = () => at.function({ "index.mjs": behaviours });

test.each([
  ["exit", "FAILED", /called process.exit\(3\)/],
  ["crash", "FAILED", /killed by signal 11 \(SIGSEGV: access to memory/],
  ["timer", "FAILED", /^TypeError: uncaught exception: late$/],
  ["close", "FAILED", /connection/],
  ["garbage", "FAILED", /ProtocolError|no frame/],
  ["memory", "OUT_OF_MEMORY", /more memory than its limit/],
])(
  "a handler that makes its worker %s ends its call %s, and the next call runs",
  async (what, end, reason) => {
    const code = await behaving();
    const report = await at.call(code, { what });
    expect(report.reason).toMatch(reason);
    expect(report).toMatchObject({ end });
    expect(resultOf(await at.call(code, { what: "fine" }))).toBe("fine");
  },
);

test.each(["output", "words"])(
  "too large an answer (%s) fails its call within what gleanerd accepts",
  async (what) => {
    const code = await behaving();
    const report = await at.call(code, { what });
    expect(report).toMatchObject({ end: "FAILED", answer: { kind: "exception" } });
    expect(() => checkExecutorMessage({ type: "ended", report })).not.toThrow();
    expect(resultOf(await at.call(code, { what: "fine" }))).toBe("fine");
  },
);

test("what a call has printed is told while it runs", async () => {
  const code = await at.function({
    "index.mjs": `export default async () => {
      console.log("begun");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    };`,
  });
  const order = at.order(code);
  const key = { invocation: order.invocation, attempt: order.attempt };
  await at.node.run(order);
  const ask = async () => {
    const after = at.daemon.heard.length;
    at.daemon.send({ type: "fetchLog", key });
    const { bytes } = await at.daemon.hears("logSoFar", undefined, after);
    return Buffer.from(bytes).toString();
  };
  let told = "";
  while (told === "") told = await ask();
  expect(told).toBe("begun\n");
  at.daemon.send({ type: "cancel", key });
  expect(logOf(await at.daemon.report(order))).toBe("begun\n");
  expect(await ask()).toBe("");
});

test("a handler that blocks is killed after its time limit", async () => {
  const code = await behaving();
  await at.call(code, { what: "fine" });
  const report = await at.call(code, { what: "block" }, { timeLimitMs: 500 });
  expect(report).toMatchObject({ end: "TIMEOUT", reason: expect.stringMatching(/time limit/) });
  expect(resultOf(await at.call(code, { what: "fine" }))).toBe("fine");
});

test("a handler that heeds its signal survives a cancel with its worker", async () => {
  const code = await at.function({
    "index.mjs": `export default async ({ wait }, { signal }) => {
      if (wait) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return process.pid;
    };`,
  });
  const pid = resultOf(await at.call(code, {}));
  const order = at.order(code, { wait: true });
  await at.node.run(order);
  at.daemon.send({ type: "cancel", key: order });
  expect(await at.daemon.report(order)).toMatchObject({ end: "CANCELLED" });
  expect(resultOf(await at.call(code, {}))).toBe(pid);
});

test("a call whose code does not arrive within its time limit goes back to the queue", async () => {
  const code = await codeOf({ "index.mjs": "export default (input) => input;" });
  const report = await at.call(code, {}, { timeLimitMs: 300 });
  expect(report).toMatchObject({ end: "EVICTED", wallMs: 0 });
  expect(report.reason).toBe("it reached its time limit of 300 ms before its worker started");
});

test("code that cannot be loaded fails its call with the language's own words", async () => {
  const code = await at.function({
    "index.mjs": "import 'no-such-package'; export default () => 1;",
  });
  const report = await at.call(code, {});
  expect(report).toMatchObject({ end: "FAILED", answer: { kind: "notLoaded" } });
  expect(report.reason).toMatch(/could not be loaded: .*no-such-package/);
});

test("a job takes the node from a call in progress and from an idle worker", async () => {
  const code = await behaving();
  await at.call(code, { what: "fine" });
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(functions()).toEqual([]);
});

test("a job evicts a call; the report says so, and its worker is gone when the prolog ends", async () => {
  const code = await behaving();
  const order = at.order(code, { what: "wait" });
  await at.node.run(order);
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(functions()).toEqual([]);
  expect(await at.daemon.report(order)).toMatchObject({ end: "EVICTED" });
});

test("an idle worker is frozen, and thawed for its next call", async () => {
  const code = await at.function({ "index.mjs": "export default () => process.pid;" });
  const pid = resultOf(await at.call(code, {})) as number;
  await until(() => isFrozen(pid));
  expect(resultOf(await at.call(code, {}))).toBe(pid);
});

test("code that arrives damaged is fetched again, and never run", async () => {
  const code = await codeOf({ "index.mjs": behaviours });
  const wrong = { ...code, bundle: Buffer.from(code.bundle) };
  wrong.bundle[wrong.bundle.length - 2_000]! ^= 1;
  const order = at.order(code, { what: "fine" });
  at.daemon.send({ type: "start", order });
  await handOut(at.daemon, wrong);
  const report = await at.daemon.report(order);
  // gleanerd tries another node.
  expect(report).toMatchObject({ end: "FAILED", wallMs: 0, startFailure: { stage: "code" } });
});

/** The processes of functions of this test. */
const functions = () => at.node.processes().filter((line) => line.includes("glean-runtime-node"));
