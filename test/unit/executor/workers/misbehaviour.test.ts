// Handlers that break the rules of their runtime on a real node: the call ends by what they did, in
// words, and the next call of the function runs.

import { expect, test } from "@jest/globals";
import type { WorkerSettings } from "../../../../src/wire/calls.js";
import { callingNode, logOf, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";

const at = callingNode();

const javascript = `import { writeSync } from "node:fs";
/** A result without bytes, of the first call. */
const answer = Buffer.from([0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
export default (what) => {
  if (what === "throws nothing") throw null;
  if (what === "throws a number") throw 7;
  if (what === "answers twice") writeSync(3, answer);
  if (what === "prints much") for (let at = 0; at < 64; at++) process.stdout.write("x".repeat(1 << 20));
  if (what === "is killed") process.kill(process.pid, "SIGKILL");
  return what;
};`;
const python = `import os, signal
def handler(what):
    if what == "is interrupted": raise KeyboardInterrupt
    if what == "speaks garbage": os.write(3, b"HTTP/1.1 200 OK\\r\\n\\r\\n and more")
    if what == "returns 100 MB": return bytes(100_000_000)
    if what == "prints much":
        for _ in range(64): print("x" * (1 << 20))
    if what == "is killed": os.kill(os.getpid(), signal.SIGKILL)
    return what`;
type Runtime = WorkerSettings["runtime"];
const files = { node: { "index.mjs": javascript }, python: { "handler.py": python } };

test.each<[Runtime & keyof typeof files, string, string, RegExp]>([
  ["node", "throws nothing", "FAILED", /null/],
  ["node", "throws a number", "FAILED", /7/],
  ["node", "is killed", "FAILED", /killed by SIGKILL/],
  ["python", "is interrupted", "FAILED", /KeyboardInterrupt/],
  ["python", "speaks garbage", "FAILED", /no frame|protocol/i],
  ["python", "returns 100 MB", "FAILED", /100000000|limit/],
  ["python", "is killed", "FAILED", /killed by SIGKILL/],
])("a handler in %s that %s ends its call %s", async (runtime, what, end, reason) => {
  const code = await at.function(files[runtime], { runtime });
  const report = await at.call(code, what, { memoryMb: 1_000 });
  expect(report).toMatchObject({ end });
  expect(report.reason).toMatch(reason);
  expect(resultOf(await at.call(code, "fine", { memoryMb: 1_000 }))).toBe("fine");
});

test.each<Runtime & keyof typeof files>(["node", "python"])(
  "a handler in %s that prints 64 MB has the end of it in its log",
  async (runtime) => {
    const code = await at.function(files[runtime], { runtime });
    const report = await at.call(code, "prints much", { memoryMb: 1_000 });
    expect(resultOf(report)).toBe("prints much");
    expect(logOf(report).length).toBeLessThan(1_000_000);
    expect(resultOf(await at.call(code, "fine", { memoryMb: 1_000 }))).toBe("fine");
  },
);

test("a handler that answers twice ends its call once, and its worker", async () => {
  const code = await at.function(files.node);
  const order = at.order(code, "answers twice");
  // By the first answer, or by the breach of the protocol: they may come together.
  expect(["COMPLETED", "FAILED"]).toContain((await at.node.finish(order)).end);
  // It may have reached the worker before the second answer left it.
  expect(resultOf(await at.call(code, "fine"))).toBe("fine");
  const { invocation } = order;
  const reports = at.daemon.heard.filter(
    (each) => each.type === "ended" && each.report.invocation === invocation,
  );
  expect(reports).toHaveLength(1);
});

test("a job that comes while a worker loads its code takes the node at once", async () => {
  const code = await at.function({
    "index.mjs": "await new Promise((done) => setTimeout(done, 600_000)); export default () => 1;",
  });
  const order = at.order(code);
  at.daemon.send({ type: "start", order });
  await until(() => at.node.processes().some((line) => line.includes("glean-runtime-node")));
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(await at.daemon.report(order)).toMatchObject({ end: "EVICTED" });
  expect(at.node.processes().filter((line) => line.includes("glean-runtime"))).toEqual([]);
});
