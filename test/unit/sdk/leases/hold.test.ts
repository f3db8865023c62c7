// A lease held for a program: what it reads of the workers, and the ends of the lease.

import { PassThrough } from "node:stream";
import { expect, test } from "@jest/globals";
import { GleanerError } from "../../../../src/model/errors.js";
import type { GleanerClient } from "../../../../src/sdk/client.js";
import { holdLease } from "../../../../src/sdk/leases/hold.js";
import { holdFormat } from "../../../../src/sdk/leases/hold-frames.js";
import type { LookUp } from "../../../../src/sdk/leases/host-addresses.js";
import { decodeFields } from "../../../../src/wire/worker/fields.js";
import { encodeFrame, headerBytes } from "../../../../src/wire/worker/frame.js";
import { encodeCallHead } from "../../../../src/wire/worker/messages.js";
import { Leasing } from "../../../support/sdk/leasing.js";

const endpoint = {
  ...{ worker: "7.1", node: "n1", host: "10.0.0.1", port: 4_000, socket: "gleaner-1" },
  ...{ hostId: "h", key: "a".repeat(64), state: "serving" as const },
};

function hold(leasing: Leasing, calls: Partial<GleanerClient> = {}, lookUp?: LookUp) {
  const input = new PassThrough();
  const output = new PassThrough();
  const client = { ...calls, leases: leasing.client() } as unknown as GleanerClient;
  const done = holdLease(client, { function: "echo", workers: 1 }, input, output, lookUp);
  return { input, output, done };
}

/** The frames in what was written, each as its type and fields. */
function framesIn(bytes: Buffer): [number, Readonly<Record<string, string>>][] {
  if (bytes.length === 0) return [];
  const end = headerBytes + bytes.readUInt32LE(0);
  const fields = decodeFields(bytes.subarray(headerBytes, end));
  return [[bytes.readUInt8(4), { ...fields }], ...framesIn(bytes.subarray(end))];
}

test.each(["bye", "the end of its input"])("tells the workers, and ends with %s", async (how) => {
  const leasing = new Leasing([endpoint]);
  const { input, output, done } = hold(leasing);
  await new Promise((resolve) => output.once("readable", resolve));
  const { node, ...told } = endpoint;
  expect(framesIn(output.read())).toEqual([
    [50, { revision: "1", state: "ACTIVE", workers: "1" }],
    [51, { ...told, port: "4000" }],
  ]);
  if (how === "bye") input.write(encodeFrame("bye", 0));
  else input.end();
  await done;
  expect(leasing.asked).toContain("POST /v1/leases/7/end");
});

test("tells a worker whose host has no address yet, and its address once it is found", async () => {
  let resolve: (address: string) => void = () => {};
  const answer = new Promise<string>((found) => {
    resolve = found;
  });
  const looked: string[] = [];
  const leasing = new Leasing([endpoint, { ...endpoint, worker: "8.1", host: "node-8" }]);
  const { input, output, done } = hold(leasing, {}, (host) => {
    looked.push(host);
    return answer;
  });
  const hosts = async () => {
    await new Promise((next) => output.once("readable", next));
    return framesIn(output.read()).map(([, { host }]) => host);
  };
  expect(await hosts()).toEqual([undefined, "10.0.0.1", undefined]);
  resolve("10.0.0.8");
  expect(await hosts()).toEqual([undefined, "10.0.0.1", "10.0.0.8"]);
  expect(looked).toEqual(["node-8"]);
  input.end();
  await done;
});

test("tells a lease that has ended, and that its input is not frames", async () => {
  const leasing = new Leasing([endpoint]);
  const { input, output, done } = hold(leasing);
  await new Promise((resolve) => output.once("readable", resolve));
  output.read();
  leasing.change([], "ENDED");
  await new Promise((resolve) => output.once("readable", resolve));
  expect(framesIn(output.read())).toEqual([[50, { revision: "2", state: "ENDED", workers: "0" }]]);
  input.end();
  await done;
  const other = hold(new Leasing([endpoint]));
  other.input.write("this is no frame of any kind");
  await expect(other.done).rejects.toMatchObject({ code: "PROTOCOL" });
});

const refuse = async () => {
  throw new GleanerError("LIMIT_REACHED", "x".repeat(2_000));
};
const take = async () => ({ id: 42, invocation: null, answer: null }) as never;

test.each([
  ["that gleanerd refused did not run", { call: refuse }, 39],
  ["that gleanerd took may have run", { call: take, outcomes: refuse }, 8],
])("a call %s", async (_, client, type) => {
  const { input, output, done } = hold(new Leasing([endpoint]), client);
  await new Promise((resolve) => output.once("readable", resolve));
  output.read();
  const call = { deadlineMs: 0, attempt: 1, contentType: "text/plain", name: "" };
  input.write(holdFormat.encodeHead("call", 1, encodeCallHead(call), 0));
  await new Promise((resolve) => output.once("readable", resolve));
  const answer = output.read() as Buffer;
  expect(holdFormat.checkHeader(answer)).toMatchObject({ id: 1 });
  expect(answer.readUInt8(4)).toBe(type);
  input.end();
  await done;
});

test("asks for another lease with the call that follows the end of the first one", async () => {
  const leasing = new Leasing([endpoint]);
  const { input, output, done } = hold(leasing, { call: refuse });
  await new Promise((resolve) => output.once("readable", resolve));
  leasing.change([], "ENDED");
  await new Promise((resolve) => output.once("readable", resolve));
  output.read();
  leasing.state = "ACTIVE";
  leasing.forget([endpoint]);
  const call = { deadlineMs: 0, attempt: 1, contentType: "text/plain", name: "" };
  input.write(holdFormat.encodeHead("call", 1, encodeCallHead(call), 0));
  let written = Buffer.alloc(0);
  const said = () => framesIn(written).filter(([type]) => type >= 50);
  while (said().length < 3) {
    await new Promise((resolve) => output.once("readable", resolve));
    written = Buffer.concat([written, output.read() ?? Buffer.alloc(0)]);
  }
  expect(said().map(([type, { state }]) => [type, state])).toEqual([
    [50, "PENDING"],
    [50, "ACTIVE"],
    [51, "serving"],
  ]);
  expect(leasing.asked.filter((asked) => asked === "POST /v1/leases")).toHaveLength(2);
  input.end();
  await done;
});

test("a call without a head ends it with a sentence", async () => {
  const { input, done } = hold(new Leasing([endpoint]));
  input.write(holdFormat.encodeFrame("call", 1));
  await expect(done).rejects.toMatchObject({ code: "PROTOCOL" });
});
