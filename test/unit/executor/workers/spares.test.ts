// Booted spares of the runtime node on a real node: who gets one, what it knows, and that it is the
// first to go.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { AttemptReport } from "../../../../src/wire/messages.js";
import { type CallChange, callingNode, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";
import { isFrozen } from "../../../support/executor/frozen.js";
import type { FunctionCode } from "../../../support/executor/function-code.js";

const at = callingNode();

/** Versions of a function that tells about its process. */
const version = (number: number): Promise<FunctionCode> =>
  at.function({
    "index.mjs": `export default () => [${number}, process.pid, process.env.GLEANER_FUNCTION, process.cwd()];`,
  });

let next = 1;
/** Each under another name. */
function call(code: FunctionCode, change: CallChange = {}): Promise<AttemptReport> {
  const environment = { PATH: "/usr/bin:/bin", GLEANER_FUNCTION: `ada/${next++}` };
  return at.call(code, null, { environment, ...change });
}

type Told = readonly [number: number, pid: number, name: string, cwd: string];
const told = (report: AttemptReport): Told => resultOf(report) as Told;

const pids = () =>
  at.node
    .processes()
    .filter((line) => line.includes("glean-runtime-node"))
    .map((line) => Number(line.split(" ")[0]));

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
  await at.node.run(at.node.order(["sleep", "600"], { cores: 15 }));
  const busy = at.node.order(["sleep", "600"]);
  const waits = await at.function({ "index.mjs": "export default () => 1;" });
  await call(waits);
  await until(() => pids().length === 2);
  // Its place is taken, so the end of the next call brings none.
  await at.node.run(busy);
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(pids()).toEqual([]);
});

test("it goes first when others need its memory", async () => {
  const spare = await spareAfter(await version(1));
  const [worker] = pids().filter((pid) => pid !== spare);
  await at.node.run(at.node.order(["sleep", "600"], { memoryMb: 7_900 }));
  await until(() => !pids().includes(spare));
  expect(pids()).toEqual([worker]);
});

test("it does not go for the worker that begins with it", async () => {
  const spare = await spareAfter(await version(1));
  await at.node.run(at.node.order(["sleep", "600"], { memoryMb: 7_800 }));
  const [, pid] = told(await call(await version(2)));
  expect(pid).toBe(spare);
});

test("where no memory is free, the oldest of eight idle workers gives its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glean-spares-"));
  try {
    chmodSync(folder, 0o755); // functions are not root's
    const gate = join(folder, "gate");
    const code = await at.function({
      "index.mjs": `import { existsSync } from "node:fs";
export default async () => {
  while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
  return process.pid;
};`,
    });
    await at.node.run(at.node.order(["sleep", "600"], { memoryMb: 7_200 }));
    const calls = Array.from({ length: 8 }, () => call(code));
    await until(() => pids().length === 8);
    writeFileSync(gate, "");
    const used = (await Promise.all(calls)).map(resultOf) as number[];
    const isNew = (pid: number) => !used.includes(pid);
    await until(() => pids().length === 8 && pids().some((pid) => isNew(pid) && isFrozen(pid)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("it is gone when a job takes the node, whether it has booted or not", async () => {
  await spareAfter(await version(1));
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(pids()).toEqual([]);
});

test("one that boots while a job comes is ended, for no call holds its core", async () => {
  await call(await version(1));
  await until(() => pids().length === 2);
  expect(await at.node.hook("prolog", 1, 1)).toBe(0);
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
