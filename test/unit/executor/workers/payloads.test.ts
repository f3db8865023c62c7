// Large inputs and results on a real node: in pieces, checked by their hash, over lost connections.

import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { storedResult } from "../../../../src/model/call.js";
import { invocationId } from "../../../../src/model/ids.js";
import { Programs, TestNode } from "../../../support/executor/executor.js";
import {
  callOrder,
  codeOf,
  type FunctionCode,
  handOut,
} from "../../../support/executor/function-code.js";
import { handOutInput, hashOf, takeResult, withInput } from "../../../support/executor/payloads.js";

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

const echo = () => codeOf({ "index.mjs": "export default (input) => input;" });
const orderOf = (code: FunctionCode, input: Uint8Array) =>
  withInput(callOrder(code, null, { invocation: invocationId(next++), memoryMb: 1_000 }), input);

test("an input of 5 MiB comes back as the result, which stays until it is recorded", async () => {
  const code = await echo();
  void handOut(node.daemon, code);
  const input = randomBytes(5 * 1024 * 1024 + 7);
  const order = orderOf(code, input);
  node.daemon.records = false;
  node.daemon.send({ type: "start", order });
  await handOutInput(node.daemon, input);
  const report = await node.daemon.report(order);
  expect(storedResult(report.answer)).toMatchObject({ blob: hashOf(input), bytes: input.length });
  expect((await takeResult(node.daemon, report)).equals(input)).toBe(true);
  expect((await takeResult(node.daemon, report)).equals(input)).toBe(true);
  node.daemon.send({ type: "recorded", key: order });
  const { invocation, attempt } = order;
  const key = { invocation, attempt };
  node.daemon.send({ type: "fetchPiece", key, offset: 0, wantedBytes: 1 });
  expect(await node.daemon.hears("noPiece")).toMatchObject({ key });
  expect(readdirSync(join(node.spec.cacheFolder, "results"))).toEqual([]);
});

test("a connection that is lost in the middle of an input is taken up where it broke", async () => {
  const code = await echo();
  void handOut(node.daemon, code);
  const input = randomBytes(3 * 1024 * 1024);
  const order = orderOf(code, input);
  node.daemon.send({ type: "start", order });
  const half = 2 * 512 * 1024;
  await handOutInput(node.daemon, input, half);
  await node.daemon.hears("fetchPiece", ({ offset }) => offset === half);
  await node.daemon.stop();
  node.daemon.heard.splice(0);
  await node.daemon.listen();
  await handOutInput(node.daemon, input, input.length, half);
  const report = await node.daemon.report(order);
  expect(storedResult(report.answer)).toMatchObject({ blob: hashOf(input) });
});

test("an input with another hash than announced reaches no handler", async () => {
  const code = await codeOf({ "index.mjs": "export default () => 'it ran';" });
  void handOut(node.daemon, code);
  const input = randomBytes(700_000);
  const order = orderOf(code, input);
  node.daemon.send({ type: "start", order });
  input[3]! ^= 1;
  await handOutInput(node.daemon, input);
  const report = await node.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/hash/) });
  expect(report.answer).toBeUndefined();
});

test("an input that gleanerd does not have fails its call with gleanerd's words", async () => {
  const code = await echo();
  void handOut(node.daemon, code);
  const order = orderOf(code, randomBytes(70_000));
  node.daemon.send({ type: "start", order });
  const { key } = await node.daemon.hears("fetchPiece");
  node.daemon.send({ type: "noPiece", key, reason: "the content is missing" });
  const report = await node.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/is missing/) });
});

test("a result over 64 MiB fails its call with its size, and its run is billed", async () => {
  const code = await codeOf({
    "index.mjs": "export default () => Buffer.alloc(70 * 1024 * 1024);",
  });
  void handOut(node.daemon, code);
  const order = callOrder(code, null, { invocation: invocationId(next++), memoryMb: 1_000 });
  node.daemon.send({ type: "start", order });
  const report = await node.daemon.report(order);
  expect(report).toMatchObject({ end: "FAILED", reason: expect.stringMatching(/73400320/) });
  expect(report.wallMs).toBeGreaterThan(0);
});

test("a job that takes the node from a call in the middle of its input ends it at once", async () => {
  const code = await echo();
  void handOut(node.daemon, code);
  const order = orderOf(code, randomBytes(2 * 1024 * 1024));
  node.daemon.send({ type: "start", order });
  await node.daemon.hears("fetchPiece");
  expect(await node.hook("prolog", 1, 16)).toBe(0);
  expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED" });
});
