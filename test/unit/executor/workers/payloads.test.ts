// Large inputs and results on a real node: in pieces, checked by their hash, over lost connections.

import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { storedResult } from "../../../../src/model/call.js";
import { callingNode } from "../../../support/executor/calling-node.js";
import type { FunctionCode } from "../../../support/executor/function-code.js";
import { handOutInput, hashOf, takeResult, withInput } from "../../../support/executor/payloads.js";

const at = callingNode();

const echo = () => at.function({ "index.mjs": "export default (input) => input;" });
const orderOf = (code: FunctionCode, input: Uint8Array) =>
  withInput(at.order(code, null, { memoryMb: 1_000 }), input);

test("an input of 5 MiB comes back as the result, which stays until it is recorded", async () => {
  const code = await echo();
  const input = randomBytes(5 * 1024 * 1024 + 7);
  const order = orderOf(code, input);
  at.daemon.records = false;
  at.daemon.send({ type: "start", order });
  await handOutInput(at.daemon, input);
  const report = await at.daemon.report(order);
  expect(storedResult(report.answer)).toMatchObject({ blob: hashOf(input), bytes: input.length });
  expect((await takeResult(at.daemon, report)).equals(input)).toBe(true);
  expect((await takeResult(at.daemon, report)).equals(input)).toBe(true);
  at.daemon.send({ type: "recorded", key: order });
  const { invocation, attempt } = order;
  const key = { invocation, attempt };
  at.daemon.send({ type: "fetchPiece", key, offset: 0, wantedBytes: 1 });
  expect(await at.daemon.hears("noPiece")).toMatchObject({ key });
  expect(readdirSync(join(at.node.spec.cacheFolder, "results"))).toEqual([]);
});

test("a connection that is lost in the middle of an input is taken up where it broke", async () => {
  const code = await echo();
  const input = randomBytes(3 * 1024 * 1024);
  const order = orderOf(code, input);
  at.daemon.send({ type: "start", order });
  const half = 2 * 512 * 1024;
  await handOutInput(at.daemon, input, half);
  await at.daemon.hears("fetchPiece", ({ offset }) => offset === half);
  await at.daemon.stop();
  at.daemon.heard.splice(0);
  await at.daemon.listen();
  await handOutInput(at.daemon, input, input.length, half);
  const report = await at.daemon.report(order);
  expect(storedResult(report.answer)).toMatchObject({ blob: hashOf(input) });
});

test("an input with another hash than announced reaches no handler", async () => {
  const code = await at.function({ "index.mjs": "export default () => 'it ran';" });
  const input = randomBytes(700_000);
  const order = orderOf(code, input);
  at.daemon.send({ type: "start", order });
  input[3]! ^= 1;
  await handOutInput(at.daemon, input);
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/hash/) });
  expect(report.answer).toBeUndefined();
});

test("an input that gleanerd does not have fails its call with gleanerd's words", async () => {
  const code = await echo();
  const order = orderOf(code, randomBytes(70_000));
  at.daemon.send({ type: "start", order });
  const { key } = await at.daemon.hears("fetchPiece");
  at.daemon.send({ type: "noPiece", key, reason: "the content is missing" });
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/is missing/) });
});

test("a result over 64 MiB fails its call with its size, and its run is billed", async () => {
  const code = await at.function({
    "index.mjs": "export default () => Buffer.alloc(70 * 1024 * 1024);",
  });
  const order = at.order(code, null, { memoryMb: 1_000 });
  at.daemon.send({ type: "start", order });
  const report = await at.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/73400320/) });
  expect(report.wallMs).toBeGreaterThan(0);
});

test("a job that takes the node from a call in the middle of its input ends it at once", async () => {
  const code = await echo();
  const order = orderOf(code, randomBytes(2 * 1024 * 1024));
  at.daemon.send({ type: "start", order });
  await at.daemon.hears("fetchPiece");
  expect(await at.node.hook("prolog", 1, 16)).toBe(0);
  expect(await at.daemon.report(order)).toMatchObject({ end: "EVICTED" });
});

test("calls whose inputs have not arrived run again when another call ends their worker", async () => {
  const code = await at.function(
    {
      "index.mjs": `import { existsSync } from "node:fs";
        export default async ({ dieOnce }) => {
          while (!existsSync(dieOnce)) await new Promise((resolve) => setTimeout(resolve, 5));
          process.kill(process.pid, "SIGSEGV");
        };`,
    },
    { concurrency: 3 },
  );
  const go = join(at.node.folder, "go");
  const fatal = at.order(code, { dieOnce: go }, { memoryMb: 1_000 });
  at.daemon.send({ type: "start", order: fatal });
  await at.daemon.hears("started", ({ key }) => key.invocation === fatal.invocation);
  const beside = { invocation: fatal.invocation, attempt: fatal.attempt };
  const large = { ...orderOf(code, randomBytes(700_000)), beside };
  at.daemon.send({ type: "start", order: large });
  await at.daemon.hears("fetchPiece");
  const behind = { ...at.order(code, { dieOnce: go }, { memoryMb: 1_000 }), beside };
  at.daemon.send({ type: "start", order: behind });
  await at.daemon.hears("started", ({ key }) => key.invocation === behind.invocation);
  writeFileSync(go, "");
  expect(await at.daemon.report(fatal)).toMatchObject({ end: "FAILED", signal: 11 });
  for (const order of [large, behind])
    expect(await at.daemon.report(order)).toMatchObject({
      end: "FAILED",
      exitCode: null,
      signal: null,
      isInterrupted: true,
      reason: expect.stringContaining("before its input had arrived"),
    });
});
