// Booted spares of the runtime node on a real node: who gets one, what it knows, and that it is the
// first to go.

import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { isStored } from "../../../../src/model/call.js";
import { invocationId } from "../../../../src/model/ids.js";
import type { AttemptReport } from "../../../../src/wire/messages.js";
import { Programs, TestNode, until } from "../../../support/executor/executor.js";
import {
  callOrder,
  codeOf,
  type FunctionCode,
  handOut,
} from "../../../support/executor/function-code.js";

jest.setTimeout(120_000);
const programs = new Programs();
let node: TestNode;
let next = 1;

beforeAll(() => programs.make(), 120_000);
afterAll(() => programs.remove());
beforeEach(async () => {
  node = await TestNode.make(programs);
  await node.start();
});
afterEach(async () => {
  expect(await node.remove()).toEqual([]);
});

/** Versions of a function that tells about its process. */
async function version(number: number): Promise<FunctionCode> {
  const code = await codeOf({
    "index.mjs": `export default () => [${number}, process.pid, process.env.GLEANER_FUNCTION, process.cwd()];`,
  });
  void handOut(node.daemon, code);
  return code;
}

async function call(
  code: FunctionCode,
  change: Parameters<typeof callOrder>[2] = {},
): Promise<AttemptReport> {
  const environment = { PATH: "/usr/bin:/bin", GLEANER_FUNCTION: `ada/${next}` };
  const invocation = invocationId(next++);
  const order = callOrder(code, null, { invocation, environment, ...change });
  node.daemon.send({ type: "start", order });
  return await node.daemon.report(order);
}

type Told = readonly [number: number, pid: number, name: string, cwd: string];
function told({ answer }: AttemptReport): Told {
  if (answer?.kind !== "result" || isStored(answer.payload))
    throw new Error(`no result: ${JSON.stringify(answer)}`);
  return JSON.parse(Buffer.from(answer.payload.body).toString()) as Told;
}

const pids = () =>
  node
    .processes()
    .filter((line) => line.includes("glean-runtime-node"))
    .map((line) => Number(line.split(" ")[0]));

/** The group of a process in the tree of version 2. */
function isFrozen(pid: number): boolean {
  const [, group] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))!;
  return readFileSync(`/sys/fs/cgroup/unified${group}/cgroup.events`, "utf8").includes("frozen 1");
}

/** Calls a version and waits until the spare of its user has booted; its process. */
async function spareAfter(code: FunctionCode): Promise<number> {
  const before = pids();
  const [, pid] = told(await call(code));
  let spare: number | undefined;
  await until(() => {
    spare = pids().find((each) => each !== pid && !before.includes(each));
    return spare !== undefined && isFrozen(spare);
  });
  return spare!;
}

test("the next worker of a user begins with the spare, as if it had been started for it", async () => {
  const spare = await spareAfter(await version(1));
  const code = await version(2);
  const [number, pid, name, cwd] = told(await call(code));
  expect([number, pid, name]).toEqual([2, spare, "ada/2"]);
  expect(cwd).toContain(code.version);
});

test("after which there is another spare, and never two", async () => {
  await spareAfter(await version(1));
  const second = await spareAfter(await version(2));
  expect(pids()).toHaveLength(3);
  const [, pid] = told(await call(await version(3)));
  expect(pid).toBe(second);
});

test.each([
  ["another user", { uid: 65_533, gid: 65_533, user: "another" }],
  ["another size", { memoryMb: 200 }],
  ["other variables", { environment: { PATH: "/bin", NODE_OPTIONS: "--no-warnings" } }],
])("a call of %s does not get it", async (_what, change) => {
  const spare = await spareAfter(await version(1));
  const [, pid] = told(await call(await version(2), change));
  expect(pid).not.toBe(spare);
});

test("there is none where no core is free", async () => {
  await node.run(node.order(["sleep", "600"], { cores: 15 }));
  const busy = node.order(["sleep", "600"]);
  const waits = await codeOf({ "index.mjs": "export default () => 1;" });
  void handOut(node.daemon, waits);
  await call(waits);
  await until(() => pids().length === 2);
  // Its place is taken, so the end of the next call brings none.
  await node.run(busy);
  expect(await node.hook("prolog", 1, 16)).toBe(0);
  expect(pids()).toEqual([]);
});

test("it goes first when others need its memory", async () => {
  const spare = await spareAfter(await version(1));
  const [worker] = pids().filter((pid) => pid !== spare);
  await node.run(node.order(["sleep", "600"], { memoryMb: 7_900 }));
  await until(() => !pids().includes(spare));
  expect(pids()).toEqual([worker]);
});

test("it is gone when a job takes the node, whether it has booted or not", async () => {
  await spareAfter(await version(1));
  expect(await node.hook("prolog", 1, 16)).toBe(0);
  expect(pids()).toEqual([]);
});

test("one that boots while a job comes is ended, for no call holds its core", async () => {
  await call(await version(1));
  await until(() => pids().length === 2);
  expect(await node.hook("prolog", 1, 1)).toBe(0);
  await until(() => pids().every(isFrozen));
});

test("one that was killed is not missed", async () => {
  const spare = await spareAfter(await version(1));
  process.kill(spare, "SIGKILL");
  await until(() => !pids().includes(spare));
  const [number, pid] = told(await call(await version(2)));
  expect(number).toBe(2);
  expect(pid).not.toBe(spare);
});
