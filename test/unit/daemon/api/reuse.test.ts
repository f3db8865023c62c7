// Answers about the whole cluster for everybody: they cost gleanerd a bounded part of its time,
// however many ask and however slowly they read.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FastifyReply } from "fastify";
import { type Time, useTime } from "../../../../src/clock.js";
import { ReusedAnswer } from "../../../../src/daemon/api/reuse.js";

let atMs: number;
let restore: () => void;
beforeEach(() => {
  atMs = 1_000;
  const machineMonotonicNs = () => BigInt(atMs) * 1_000_000n;
  restore = useTime({ machineMonotonicNs } as Time);
});
afterEach(() => restore());

/** An answer that takes so long to make; returns what a client gets at a time. */
function answerThatTakes(ms: number): () => Buffer {
  let made = 0;
  const answer = new ReusedAnswer(() => {
    atMs += ms;
    return { made: ++made };
  });
  const reply = { type: () => reply, send: (payload: unknown) => payload };
  return () => answer.send(reply as unknown as FastifyReply) as unknown as Buffer;
}

test("an answer takes at most a tenth of the time, and all concurrent requests share its bytes", () => {
  const ask = answerThatTakes(20);
  const first = ask();
  expect(JSON.parse(first.toString())).toEqual({ made: 1 });
  atMs += 199;
  expect(ask()).toBe(first);
  atMs += 1;
  expect(JSON.parse(ask().toString())).toEqual({ made: 2 });
});

test("an answer is at most a second old, however long it takes to make", () => {
  const ask = answerThatTakes(5_000);
  ask();
  atMs += 1_000;
  expect(JSON.parse(ask().toString())).toEqual({ made: 2 });
});

test("an answer that costs nothing is always fresh", () => {
  const ask = answerThatTakes(0);
  ask();
  expect(JSON.parse(ask().toString())).toEqual({ made: 2 });
});
