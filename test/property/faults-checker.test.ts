// The books of the fault simulation: which versions a name may mean after copies of a request were
// refused, had their effect, or got lost; and leases that were held before they were on record.

import { expect, test } from "@jest/globals";
import { type InvocationId, versionId } from "../../src/model/ids.js";
import { pack } from "../../src/wire/packing.js";
import { FunctionBook, SharedChange } from "../faults/checker/functions.js";
import { inputBytes, plainInput } from "../faults/functions/inputs.js";
import { World } from "../faults/site/world.js";
import { submission } from "../support/nouns.js";

const version = versionId("a".repeat(64));
const called = { caller: 1, owner: 1, name: "f", selector: "latest" };

function deploy() {
  let nowMs = 0;
  const book = new FunctionBook(() => ++nowMs);
  const change = new SharedChange(book, () => book.deployed(1, "f", version, false));
  return {
    book,
    change,
    mayMean: (what: typeof version | null) => book.mayMean(called, what, ++nowMs),
  };
}

test("a deploy counts if any copy of its request has its effect, though others were refused", () => {
  const { change, mayMean } = deploy();
  change.copy().refused();
  expect(mayMean(version)).toBe(false);
  const second = change.copy();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(true);
  second.done();
  change.copy().refused();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(false);
});

test("a deploy whose copy got lost may have had its effect, although the next one was refused", () => {
  const { change, mayMean } = deploy();
  change.copy().over();
  change.copy().refused();
  expect(mayMean(version)).toBe(true);
  expect(mayMean(null)).toBe(true);
});

const owner = { uid: 1, gid: 1, user: "ada" };
const [held, other] = [1, 2] as InvocationId[];
const key = { invocation: held!, attempt: 1 };

/** Books in which ada was granted a lease that is not on record; what they complain of. */
function leased() {
  const world = new World({ seed: 1, tell: null, sabotage: {} });
  const { books, problems } = world;
  const { calls } = books;
  calls.functions.done(calls.functions.deployed(1, "f", version, false));
  const inputs = [inputBytes(plainInput("lease"))];
  calls.asks("lease-1", { ...called, inputs, isMap: true });
  const terms = { hotMs: 0, ttlMs: 1_000, idleMs: 1_000 };
  const asked = submission({
    command: { kind: "call", version, lease: terms } as never,
    arrayTasks: [0],
    memoryMb: 100,
  });
  const request = { requestId: "lease-1", owner, submission: asked, inputs: [] };
  const voucher = Buffer.concat([Buffer.alloc(32), pack({ request })]);
  books.unrecorded.ordered({ ...key, voucher } as never);
  const reported = (end: string) =>
    books.reported({ ...key, end, wallMs: 5, cpuMs: 0 } as never, true);
  const requestedAgain = () =>
    books.committed("submit", [request], { id: other, tasks: 1, isNew: true });
  const recorded = (requestId: string) => {
    const attempt = { ...key, number: 1, node: "n1", executor: "n1.1" };
    const call = { id: held, request: { ...request, requestId } };
    books.committed("recordCall", [{ ...call, attempts: [{ attempt, result: null }] }], true);
  };
  return { books, problems, reported, requestedAgain, recorded };
}

test("a lease that was requested again may be on record under another name, and none else", () => {
  const { problems, reported, requestedAgain, recorded } = leased();
  reported("CANCELLED");
  requestedAgain();
  recorded("a name of its own");
  expect(problems).toEqual([]);
  const early = leased();
  early.recorded("a name of its own");
  expect(early.problems).toEqual([expect.stringContaining("nobody asked")]);
});

test.each(["FAILED", "EVICTED", "CANCELLED"])(
  "a lease that was held and ended %s is forgotten once it is on record",
  (end) => {
    const { books, problems, reported, requestedAgain, recorded } = leased();
    reported(end);
    requestedAgain();
    books.forgets(key);
    expect(problems).toEqual([expect.stringContaining("forgotten before it is durable")]);
    recorded("a name of its own");
    books.forgets(key);
    expect(problems).toHaveLength(1);
  },
);
