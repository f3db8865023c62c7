// Handlers that break the rules of their runtime on a real node: the call ends by what they did, in
// words, and the next call of the function runs.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { WorkerSettings } from "../../../../src/wire/calls.js";
import { callingNode, logOf, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";

const at = callingNode();

const javascript = `import { writeSync } from "node:fs";
/** A result without bytes. */
const answer = (id) => Buffer.from([0, 0, 0, 0, 7, 0, 0, 0, id, 0, 0, 0, 0, 0, 0, 0]);
export default (what) => {
  if (what === "throws nothing") throw null;
  if (what === "throws a number") throw 7;
  if (what === "answers for its runtime") writeSync(3, answer(2));
  if (what === "which process") return process.pid;
  if (what === "prints much") for (let at = 0; at < 64; at++) process.stdout.write("x".repeat(1 << 20));
  if (what === "is killed") process.kill(process.pid, "SIGKILL");
  return what;
};`;
const python = `import os, signal, struct, sys
def id_of_its_call():
    frame = sys._getframe()
    while "call" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["call"].id
def handler(what):
    answer = lambda id: struct.pack("<IBBHQ", 0, 7, 0, 0, id)
    if what == "answers for its runtime": os.write(3, answer(2))
    if what == "looks up its call and answers": os.write(3, answer(id_of_its_call()))
    if what == "which process": return os.getpid()
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

const executorLog = (): string => readFileSync(join(at.node.folder, "executor.log"), "utf8");
const logged = (what: string): Promise<void> => until(() => executorLog().includes(what));

test.each<Runtime & keyof typeof files>(["node", "python"])(
  "a handler in %s that answers for its runtime fails, and its worker gets no other call",
  async (runtime) => {
    const code = await at.function(files[runtime], { runtime });
    const process = resultOf(await at.call(code, "which process"));
    // As its second call, which ids from 1 would show.
    const report = await at.call(code, "answers for its runtime");
    expect(report).toMatchObject({ end: "FAILED" });
    const why = `the worker answered a call that it was never sent; the last that it was sent is call ${report.invocation}`;
    expect(report.reason).toContain(why);
    expect(logOf(report)).toContain(why);
    await logged(why);
    expect(resultOf(await at.call(code, "which process"))).not.toBe(process);
  },
);

test("a handler that looks up its call ends it once, and its worker, as the log says", async () => {
  const code = await at.function(files.python, { runtime: "python" });
  const process = resultOf(await at.call(code, "which process"));
  const order = at.order(code, "looks up its call and answers");
  // By the first answer, or by the breach of the protocol: they may come together.
  expect(["COMPLETED", "FAILED"]).toContain((await at.node.finish(order)).end);
  // It may have reached the worker before the second answer left it.
  expect(resultOf(await at.call(code, "fine"))).toBe("fine");
  const { invocation, command } = order;
  await logged(
    `a worker of ${command.function} gets no other call, because the worker answered call ${invocation} twice`,
  );
  expect(resultOf(await at.call(code, "which process"))).not.toBe(process);
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
