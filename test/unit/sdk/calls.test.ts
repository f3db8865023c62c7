// Calls from a program: values there and back, maps with back-pressure and order, cancellation, and
// errors that say whose they are.

import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  BrokenOffError,
  CallError,
  Connection,
  Content,
  FunctionError,
  GleanerError,
  type MapResult,
  NotLoadedError,
} from "../../../src/sdk/index.js";
import { ended, FakeCalls, failed, json, result } from "../../support/sdk/fake-calls.js";

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
let calls: FakeCalls;
let connection: Connection;
beforeEach(() => {
  calls = new FakeCalls();
  connection = new Connection(calls);
});

async function all(results: AsyncIterable<MapResult>): Promise<MapResult[]> {
  const found: MapResult[] = [];
  for await (const each of results) found.push(each);
  return found;
}
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

describe("invoke", () => {
  test.each([[{ a: [1, "ü", null] }], ["text"], [null], [false], [new Uint8Array([0, 255, 7])]])(
    "passes %p there and back",
    async (value) => expect(await connection.invoke("echo", value)).toEqual(value),
  );

  test("passes a content type of the caller's, and gives text as a string", async () => {
    expect(await connection.invoke("echo", new Content("text/csv", "a,b"))).toBe("a,b");
    expect(calls.tasks.get("1")![0]!.input.contentType).toBe("text/csv");
  });

  test("sends a large input as a content, and fetches a large result", async () => {
    const bytes = new Uint8Array(70_000).fill(7);
    expect(await connection.invoke("echo", bytes)).toEqual(bytes);
    const { input } = calls.tasks.get("1")![0]!;
    expect(input).toEqual({ contentType: expect.any(String), blob: hashOf(bytes), bytes: 70_000 });
    expect(await connection.invoke("echo", "x".repeat(70_000))).toBe("x".repeat(70_000));
    const results = await all(connection.map("echo", [1, bytes]));
    expect(results).toMatchObject([{ value: 1 }, { value: bytes }]);
  });

  test("tells a large result that was removed from one that never was", async () => {
    const payload = { contentType: "text/plain", blob: "0".repeat(64), bytes: 70_000 };
    calls.answer = () => result(payload);
    const error = await connection.invoke("f").catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "CallError", code: "RESULT_REMOVED" });
  });

  test("gives null for no input", async () => {
    await connection.invoke("echo");
    expect(calls.tasks.get("1")![0]!.input).toEqual(json(null));
  });

  test("rejects with the exception of the user's code, whose frames come first", async () => {
    calls.answer = () => failed("exception");
    const error = (await connection.invoke("f").catch((thrown) => thrown)) as FunctionError;
    expect(error).toBeInstanceOf(FunctionError);
    expect(error).toMatchObject({ code: "FUNCTION", type: "KeyError", message: "no x", id: "1" });
    expect(error.stack).toMatch(/^KeyError: no x\n {2}File "main.py", line 3, in handler\n {4}at /);
  });

  test("does not repeat the exception's line if the remote stack has it", async () => {
    const stack = "RangeError: no\n    at f (index.mjs:1:1)";
    const answer = {
      kind: "exception",
      error: { type: "RangeError", message: "no", stack },
    } as const;
    calls.answer = () => ({ state: "FAILED", reason: null, answer });
    const error = (await connection.invoke("f").catch((thrown) => thrown)) as FunctionError;
    expect(error.stack?.startsWith(stack)).toBe(true);
  });

  test("shows the type alone of an exception without a text", async () => {
    const error = { type: "GeneratorExit", message: "", stack: "Traceback" };
    const answer = { kind: "exception", error } as const;
    calls.answer = () => ({ state: "FAILED", reason: null, answer });
    const thrown = (await connection.invoke("f").catch((each) => each)) as FunctionError;
    expect(thrown.stack).toMatch(/^GeneratorExit\nTraceback\n/);
  });

  test("tells code that cannot be loaded from code that throws", async () => {
    calls.answer = () => failed("notLoaded");
    await expect(connection.invoke("f")).rejects.toBeInstanceOf(NotLoadedError);
  });

  test.each([
    [ended("TIMEOUT", "it ran longer than 10 s"), "TIMEOUT", /: it ran longer than 10 s$/],
    [{ ...failed("exception"), state: "OUT_OF_MEMORY" as const }, "OUT_OF_MEMORY", /OUT_OF_MEM/],
    [ended("CANCELLED"), "CANCELLED", /^call 1: CANCELLED$/],
    [ended("FAILED", "it lost 10 executors"), "FAILED", /lost 10/],
    [ended("COMPLETED"), "RESULT_REMOVED", /removed for its age/],
  ])("rejects with the platform's end %#", async (end, code, message) => {
    calls.answer = () => end;
    const error = await connection.invoke("f").catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CallError);
    expect(error).not.toBeInstanceOf(FunctionError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test.each([
    new Uint16Array([258, 3]),
    new Uint16Array([9, 258, 3]).subarray(1),
    new Uint8Array([2, 1, 3, 0]).buffer,
  ])("sends the bytes of a typed array or buffer %#", async (input) => {
    expect(await connection.invoke("f", input)).toEqual(new Uint8Array([2, 1, 3, 0]));
  });

  test("sends what JSON can express, also null and empty objects", async () => {
    const shared = { at: new Date(0), none: null, empty: {}, missing: undefined };
    const input = [shared, shared, undefined, Object.create(null), new Number(7)];
    const [first, second, ...rest] = JSON.parse(JSON.stringify(input));
    expect(await connection.invoke("f", input)).toEqual([first, second, ...rest]);
  });

  test("cancels the call and rejects with the reason when the signal is aborted", async () => {
    calls.answer = () => null;
    const aborter = new AbortController();
    const calling = connection.invoke("f", 1, { signal: aborter.signal });
    while (calls.inputs === 0) await turn();
    aborter.abort(new Error("enough"));
    await expect(calling).rejects.toThrow("enough");
    expect([calls.cancelled, calls.inputs]).toEqual([["1"], 1]);
  });

  test.each([
    [() => 1, /^a function cannot be an input/],
    [Symbol("s"), /^a symbol cannot be an input/],
    [1n, /^the input cannot be written as JSON \(Do not know how to serialize a BigInt\): give/],
    [Number.NaN, /^NaN cannot be an input: give a value that JSON can express, or bytes$/],
    [new Date(Number.NaN), /^an invalid Date cannot be an input/],
    [{ a: [{}, { "b c": new Map([[1, 2]]) }] }, /^the input has a Map at input.a\[1\]\["b c"\]: /],
    [[1, Promise.resolve(2)], /^the input has a Promise at input\[1\]: give a value/],
    [{ rate: { of: -Infinity } }, /^the input has -Infinity at input.rate.of: /],
    [{ list: [() => 1] }, /^the input has a function at input.list\[0\]: /],
    [{ toJSON: () => ({ left: new Set([1]) }) }, /^the input has a Set at input.left: /],
    [new Map([[1, 2]]), /^a Map cannot be an input/],
    [new Error("lost"), /^an Error cannot be an input/],
    [Promise.resolve(1), /^a Promise cannot be an input/],
    [new Uint8Array(67_108_865), /^the input has 67108865 bytes and the limit is 67108864/],
  ])("refuses an input that cannot be sent %#", async (input, message) => {
    await expect(connection.invoke("f", input)).rejects.toThrow(message);
    expect(calls.inputs).toBe(0);
  });
});

test("submit gives an id, and result waits for its end", async () => {
  calls.answer = () => null;
  const id = await connection.submit("f", 1);
  const waiting = connection.result(id);
  calls.finish(id, 0, result(json("late")));
  expect(await waiting).toBe("late");
});

describe("map", () => {
  test("gives results in the order of the inputs, over several pages", async () => {
    const found = await all(connection.map("f", numbers(2_500)));
    expect(found.map(({ index }) => index)).toEqual(numbers(2_500));
    expect(found.map((each) => each.ok && each.value)).toEqual(numbers(2_500));
    expect([...calls.tasks.values()].map((tasks) => tasks.length)).toEqual([2_500]);
    expect(found[1_001]).toMatchObject({ id: "1_1001" });
    expect(calls.cancelled).toEqual([]);
  });

  test("gives results as calls end if order does not matter", async () => {
    calls.answer = ({ text }) => (text === "0" ? null : result(json(text)));
    const results = connection.map("f", numbers(3), { order: "ended" });
    const first = [await results.next(), await results.next()].map(({ value }) => value?.index);
    expect(first).toEqual([1, 2]);
    calls.finish("1", 0, result(json(0)));
    expect(await all(results)).toMatchObject([{ index: 0, ok: true, value: 0 }]);
  });

  test("reads no more inputs than its window beyond what was taken", async () => {
    let read = 0;
    function* endless() {
      for (;;) yield read++;
    }
    const results = connection.map("f", endless(), { window: 10 });
    await results.next();
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(read).toBe(11);
    for (let taken = 1; taken < 25; taken++) await results.next();
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(read).toBe(35);
    await results.return();
    expect(read).toBe(35);
  });

  test("sends what a slow source gave, without waiting for more", async () => {
    let release = (): void => undefined;
    async function* slow() {
      yield 1;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield 2;
    }
    const results = connection.map("f", slow());
    expect((await results.next()).value).toMatchObject({ index: 0, value: 1 });
    release();
    expect(await all(results)).toMatchObject([{ index: 1, value: 2 }]);
  });

  test("a failed call and an input that is too large are results of their own", async () => {
    calls.answer = (input) => (input.text === "1" ? failed("exception") : result(input));
    const found = await all(connection.map("f", [0, 1, new Uint8Array(67_108_865), 3]));
    expect(found).toMatchObject([
      { ok: true, value: 0 },
      { ok: false, id: "1_1", error: { code: "FUNCTION" } },
      { ok: false, id: null, error: { code: "LIMIT_REACHED" } },
      { ok: true, value: 3 },
    ]);
  });

  test("takes no more than a page ahead of the consumer", async () => {
    let pages = 0;
    const { results } = calls;
    calls.results = (...asked) => {
      pages++;
      return results(...asked);
    };
    const found = connection.map("f", numbers(10_000));
    await found.next();
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(pages).toBe(1);
    await found.return();
  });

  test.each(["while it is sent", "once it was accepted"])(
    "a connection that breaks %s doubles nothing",
    async (when) => {
      let requests = 0;
      const { streamMap } = calls;
      calls.streamMap = async (request, open) => {
        requests++;
        if (requests === 1 && when === "while it is sent") {
          await open()[Symbol.asyncIterator]().next();
          throw new BrokenOffError("broken", null);
        }
        const answer = await streamMap(request, open);
        if (requests === 1) throw new BrokenOffError("broken", null);
        return answer;
      };
      const found = await all(connection.map("f", numbers(30_000)));
      expect(found.map((each) => each.ok && each.value)).toEqual(numbers(30_000));
      expect([calls.inputs, requests]).toEqual([30_000, 2]);
    },
  );

  test("goes on with the results where its connection broke", async () => {
    let asked = 0;
    const { results } = calls;
    calls.results = (...query) => {
      if (++asked === 2) throw new BrokenOffError("broken", null);
      return results(...query);
    };
    const found = await all(connection.map("f", numbers(2_500)));
    expect(found.map(({ index }) => index)).toEqual(numbers(2_500));
  });

  test("waits while the queue is full with its own calls", async () => {
    let refused = 0;
    calls.answer = () => null;
    calls.refuse = () => {
      if (calls.tasks.size === 1 && calls.tasks.get("1")![0]!.end === null) {
        if (refused++ === 0) setTimeout(() => endAll(), 5);
        throw new GleanerError("LIMIT_REACHED", "the queue is full");
      }
    };
    const endAll = () => {
      calls.answer = result;
      calls.finish("1", 0, result(json(0)));
    };
    async function* slow() {
      yield 0;
      while (calls.tasks.size === 0) await turn();
      yield 1;
    }
    expect(await all(connection.map("f", slow()))).toHaveLength(2);
    expect(refused).toBeGreaterThan(0);
  });

  test("sends smaller maps where the site allows only those", async () => {
    calls.before = ({ inputs }) => {
      if (inputs.length > 100) throw new GleanerError("LIMIT_REACHED", "at most 100 tasks");
    };
    const tooLarge = new Uint8Array(67_108_865);
    const inputs: unknown[] = numbers(1_000);
    inputs.splice(500, 0, tooLarge);
    const found = await all(connection.map("f", inputs));
    expect(found.map(({ index }) => index)).toEqual(numbers(1_001));
    expect(found.map((each) => each.ok && each.value)).toEqual(
      inputs.map((each) => each !== tooLarge && each),
    );
  });

  test.each([
    ["leaves the loop", async (results: AsyncGenerator) => void (await results.return(undefined))],
    ["aborts", null],
  ])("cancels what has not ended when the program %s", async (_name, leave) => {
    calls.answer = ({ text }) => (text === "0" ? result(json(0)) : null);
    const aborter = new AbortController();
    const results = connection.map("f", numbers(1_200), { signal: aborter.signal });
    await results.next();
    while (calls.inputs < 1_200) await turn();
    if (leave !== null) await leave(results);
    else {
      aborter.abort();
      await expect(results.next()).rejects.toThrow(/aborted/);
    }
    expect(calls.cancelled).toEqual(["1"]);
  });

  test("throws what its source throws, after it has cancelled the rest", async () => {
    calls.answer = () => null;
    async function* source() {
      yield* numbers(1_000);
      while (calls.tasks.size === 0) await new Promise((go) => setTimeout(go, 30));
      yield 1_000;
      await Promise.resolve();
      throw new Error("the file is gone");
    }
    await expect(all(connection.map("f", source()))).rejects.toThrow("the file is gone");
    expect([calls.inputs, calls.cancelled]).toEqual([1_000, ["1"]]);
  });

  test("throws what gleanerd refuses", async () => {
    calls.before = () => {
      throw new GleanerError("NOT_FOUND", "there is no function f");
    };
    await expect(all(connection.map("f", [1]))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
