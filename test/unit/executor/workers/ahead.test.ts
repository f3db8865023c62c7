// Workers that are started before they are called, on a real node: who gets them, and that they are
// the first to go.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { AheadEndedMessage } from "../../../../src/wire/calls.js";
import { callingNode, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";
import { isFrozen } from "../../../support/executor/frozen.js";
import type { FunctionCode } from "../../../support/executor/function-code.js";

const at = callingNode();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-ahead-"));
  chmodSync(folder, 0o755); // functions are not root's
});
afterEach(() => rmSync(folder, { recursive: true }));

const startAhead = (code: FunctionCode, change = {}) =>
  at.daemon.send({ type: "startAhead", order: at.order(code, null, change) });

/** A function that tells its process, and loads until its gate is open. */
const gated = () => {
  const gate = join(folder, "gate");
  const source = `import { existsSync } from "node:fs";
while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
export default () => process.pid;`;
  return at.function({ "index.mjs": source });
};

const workers = () =>
  at.node
    .processes()
    .filter((line) => line.includes("glean-runtime-node"))
    .map((line) => Number(line.split(" ")[0]));

test("one that was started ahead is told as warm, and the first call finds it so", async () => {
  const code = await at.function({
    "index.mjs": "let calls = 0; export default () => [process.pid, ++calls];",
  });
  startAhead(code);
  await at.daemon.hears("warm", ({ workers: [warm] }) => warm?.version === code.version);
  const before = workers();
  const report = await at.call(code);
  expect(report.phases).toBeUndefined();
  expect(resultOf(report)).toEqual([before[0], 1]);
});

test("a call that comes while it loads gets it, and pays from then on", async () => {
  const code = await gated();
  startAhead(code);
  await until(() => workers().length === 1);
  const [pid] = workers();
  const order = at.order(code);
  at.daemon.send({ type: "start", order });
  // One connection keeps its order: once this is answered, the call has its worker.
  at.daemon.send({ type: "fetchPiece", key: order, offset: 0, wantedBytes: 1 });
  await at.daemon.hears("noPiece");
  writeFileSync(join(folder, "gate"), "");
  const report = await at.daemon.report(order);
  expect(resultOf(report)).toBe(pid);
  expect(report.phases).toMatchObject({ fetchMs: 0 });
});

test("it is gone when a job comes before it has loaded, and never where nothing is free", async () => {
  startAhead(await gated());
  await until(() => workers().length === 1);
  expect(await at.node.hook("prolog", 1, 1)).toBe(0);
  expect(workers()).toEqual([]);
  const code = await at.function({ "index.mjs": "export default () => process.pid;" });
  const ends = (wanted: AheadEndedMessage["why"], size: number) =>
    at.daemon.hears("aheadEnded", ({ worker, why }) => worker.memoryMb === size && why === wanted);
  await ends("gone", at.order(code).memoryMb);
  startAhead(code, { memoryMb: 1_000_000 });
  await ends("noRoom", 1_000_000);
  startAhead(code, { cores: 16, memoryMb: 1 });
  await ends("noRoom", 1);
  await at.call(code);
  expect(workers().length).toBeLessThanOrEqual(2); // its worker, and perhaps a spare
});

test("a spare is booted ahead without any code, and the first call of its user gets it", async () => {
  const code = await at.function({ "index.mjs": "export default () => process.pid;" });
  at.daemon.send({ type: "startAhead", order: at.order(code), isSpare: true });
  await until(() => workers().length === 1 && isFrozen(workers()[0]!));
  const [spare] = workers();
  expect(resultOf(await at.call(code))).toBe(spare);
});

test("one whose code cannot be loaded ends without a word", async () => {
  const code = await at.function({ "index.mjs": "throw new Error('no data')" });
  startAhead(code);
  await at.daemon.hears("fetchBundle", ({ version }) => version === code.version);
  await at.daemon.hears("aheadEnded", ({ worker, why }) => {
    expect(why).toBe("failed");
    return worker.version === code.version;
  });
  await until(() => workers().length === 0);
  const report = await at.call(code);
  expect(report).toMatchObject({ answer: { kind: "notLoaded" } });
});
