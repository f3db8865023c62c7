// The process of a worker for JavaScript: calls at once, what handlers print, and what they do to
// the process that runs them.

import { describe, expect, test } from "@jest/globals";
import { nodeRuntime } from "../../../support/runtimes/node-runtime.js";
import { loadedRuntime } from "../../../support/runtimes/runtime-process.js";
import { describeWorkerEnd } from "../../../support/runtimes/worker-end.js";

const command = nodeRuntime();

const start = (body: string, more = {}) =>
  loadedRuntime(command, { "index.mjs": `export default ${body};` }, more);

describe("calls at once", () => {
  const gathering =
    "(() => { const waiting = []; return (n) => new Promise((done) => { waiting.push(done); if (waiting.length === n) for (const d of waiting) d(n) }) })()";

  test("run together up to the concurrency", async () => {
    const runtime = await start(gathering, { concurrency: 3 });
    const calls = [3, 3, 3].map((n) => runtime.json(n));
    expect(await Promise.all(calls)).toEqual([3, 3, 3]);
  });

  test("run one after the other with a concurrency of 1, in their order", async () => {
    const runtime = await start(
      "(() => { let now = 0, seen = []; return async (n) => { now++; await new Promise(setImmediate); seen.push(n); return [now--, seen] } })()",
    );
    const results = await Promise.all([1, 2, 3].map((n) => runtime.json(n)));
    expect(results).toEqual([
      [1, [1]],
      [1, [1, 2]],
      [1, [1, 2, 3]],
    ]);
  });

  test("are cancelled by their signal, or before they run", async () => {
    const runtime = await start(
      "(x, { signal }) => new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)))",
    );
    const order = { deadlineMs: 0, attempt: 1, contentType: "", name: "", input: Buffer.alloc(0) };
    const calls = [runtime.channel.call(order), runtime.channel.call(order)];
    runtime.channel.cancel(calls[1]!.id);
    expect(await calls[1]!.end).toMatchObject({
      error: { kind: "cancelled", message: expect.stringMatching(/before its handler/) },
    });
    runtime.channel.cancel(calls[0]!.id);
    expect(await calls[0]!.end).toMatchObject({ error: { kind: "cancelled", type: "AbortError" } });
  });

  test("print to their own logs, also after an await and from a timer", async () => {
    const runtime = await start(
      `async (n, { log }) => {
        console.log("out", n); console.error("err", n);
        await new Promise((done) => setTimeout(done, 5));
        process.stdout.write(new Uint8Array([65, 10])); log("logged", { n });
        return new Promise((done) => process.stderr.write("end\\n", () => done(n)));
      }`,
      { concurrency: 2 },
    );
    await Promise.all([runtime.json(1), runtime.json(2)]);
    const text = (n: number) => `out ${n}\nerr ${n}\nA\nlogged { n: ${n} }\nend\n`;
    expect([runtime.logOf(1), runtime.logOf(2)]).toEqual([text(1), text(2)]);
    const streams = runtime.logs.filter(({ callId }) => callId === 1).map(({ stream }) => stream);
    expect(streams).toEqual(["stdout", "stderr", "stdout", "stdout", "stderr"]);
    expect(runtime.output).toEqual({ stdout: "", stderr: "" });
  });
});

describe("a log", () => {
  test("is cut at its limit, for each call, and says so", async () => {
    const runtime = await start(
      "(n) => { for (let i = 0; i < n; i++) console.log('x'.repeat(99)) }",
      {
        logLimitBytes: 10_000,
      },
    );
    for (const call of [1, 2]) {
      await runtime.json(1_000);
      expect(runtime.logOf(call)).toMatch(/^(x{99}\n){85}\[the log of this call is full.*\n$/);
    }
  });

  test("outside of calls belongs to none, and is cut as well", async () => {
    const runtime = await loadedRuntime(command, {
      "index.mjs":
        "for (let i = 0; i < 30000; i++) console.log('x'.repeat(99)); export default () => 1",
    });
    expect(await runtime.json(1)).toBe(1);
    expect(runtime.logOf(null).length).toBeGreaterThan(500_000);
    expect(runtime.logOf(null)).toMatch(/is full/);
  });

  test("of one piece may have megabytes", async () => {
    const runtime = await start("() => { console.log('x'.repeat(500000)) }");
    await runtime.json(1);
    expect(runtime.logOf(1).length).toBe(500_001);
  });
});

describe("a handler that harms its process", () => {
  const ends: readonly (readonly [string, string, object, RegExp])[] = [
    [
      "calls process.exit",
      "() => process.exit(3)",
      { kind: "failed", error: { kind: "exit", message: "the handler called process.exit(3)" } },
      /process\.exit\(3\)/,
    ],
    [
      "exits later",
      "async () => { await null; process.exit() }",
      { kind: "failed", error: { kind: "exit" } },
      /process\.exit\(0\)|process\.exit\(undefined\)/,
    ],
    [
      "aborts",
      "() => process.abort()",
      { kind: "lost", failure: { code: "CLOSED" } },
      /killed by SIGABRT/,
    ],
    [
      "kills itself",
      "() => process.kill(process.pid, 'SIGKILL')",
      { kind: "lost", failure: { code: "CLOSED" } },
      /killed by SIGKILL/,
    ],
    [
      "exits without its hooks",
      "() => process.reallyExit(7)",
      { kind: "lost", failure: { code: "CLOSED" } },
      /exited with status 7/,
    ],
    [
      "leaves a rejection unhandled",
      "() => { Promise.reject(new TypeError('x')); return new Promise(() => {}) }",
      {
        kind: "failed",
        error: { kind: "exit", type: "TypeError", message: "unhandled rejection: x" },
      },
      /an unhandled rejection ended the worker: TypeError: x/,
    ],
    [
      "throws in a timer",
      "() => new Promise(() => setTimeout(() => { throw new Error('late') }))",
      { kind: "failed", error: { kind: "exit", message: "uncaught exception: late" } },
      /an uncaught exception ended the worker: Error: late/,
    ],
    [
      "exhausts its stack",
      "() => (function f() { f() })()",
      { kind: "failed", error: { kind: "exception", type: "RangeError" } },
      /closed/,
    ],
  ];
  test.each(ends)("%s", async (_what, body, end, sentence) => {
    const runtime = await start(body);
    expect(await runtime.call()).toMatchObject(end);
    if (sentence.source === "closed") {
      expect(await runtime.call()).toMatchObject(end);
      return;
    }
    const failure = await runtime.closed;
    const exit = await runtime.exit;
    expect(describeWorkerEnd(failure, exit)).toMatch(sentence);
  });

  test("is the only one that is answered; all are if nobody's handler did it", async () => {
    const inside = (does: string) =>
      `(() => { let n = 0; return (x) => { if (++n === 2) ${does}; return new Promise(() => {}) } })()`;
    const [its, nobodys] = await Promise.all(
      ["process.exit(3)", "process.emit('late')"].map((does) =>
        loadedRuntime(
          command,
          {
            "index.mjs": `process.on("late", () => setTimeoutOf(() => process.exit(3)));
import { AsyncLocalStorage } from "node:async_hooks";
const setTimeoutOf = AsyncLocalStorage.bind((run) => setTimeout(run));
export default ${inside(does)};`,
          },
          { concurrency: 3 },
        ),
      ),
    );
    const exit = { kind: "failed", error: { kind: "exit", type: "ProcessExit" } };
    const left = { kind: "lost", failure: { code: "LEFT" } };
    const calls = (runtime: typeof its) => Promise.all([1, 2].map(() => runtime!.call()));
    expect(await calls(its)).toMatchObject([left, exit]);
    expect(await calls(nobodys)).toMatchObject([exit, exit]);
  });

  const closing =
    "async () => { const { closeSync } = await import('node:fs'); closeSync(3); return 1 }";
  test("closes its connection", async () => {
    const runtime = await start(closing);
    expect(await runtime.call()).toMatchObject({ kind: "lost", failure: { code: "CLOSED" } });
    await runtime.exit;
  });

  test("answers by itself, and then returns", async () => {
    const runtime = await start(
      `async () => {
        const { writeSync } = await import("node:fs");
        const frame = Buffer.alloc(16); frame[4] = 7; frame[8] = 1;
        writeSync(3, frame);
        return 1;
      }`,
    );
    expect(await runtime.call()).toMatchObject({ kind: "returned", outputBytes: 0 });
    expect((await runtime.closed).code).toBe("ANSWERED_TWICE");
  });

  test("blocks forever, and is killed", async () => {
    const runtime = await start("() => { for (;;); }");
    const end = runtime.call();
    const ignored = runtime.channel.call({
      deadlineMs: 0,
      attempt: 1,
      contentType: "",
      name: "",
      input: Buffer.alloc(0),
    });
    runtime.channel.cancel(ignored.id);
    runtime.child.kill("SIGKILL");
    expect(await end).toMatchObject({ kind: "lost", failure: { code: "CLOSED" } });
    expect(await ignored.end).toMatchObject({ kind: "lost" });
  });

  test("prints to descriptor 1 itself, which is the process's output", async () => {
    const runtime = await start(
      "async () => { const { writeSync } = await import('node:fs'); writeSync(1, 'raw'); return 1 }",
    );
    await runtime.json(1);
    runtime.channel.close();
    await runtime.exit;
    expect(runtime.output.stdout).toBe("raw");
  });

  test("starts a process, which does not get the connection", async () => {
    const runtime = await start(
      "async () => (await import('node:child_process')).execFileSync('ls', ['-l', '/proc/self/fd']).toString()",
    );
    const end = await runtime.call();
    expect(end.kind === "returned" && String(end.output)).not.toMatch(/ 3 -> socket/);
  });
});

describe("the end of a worker", () => {
  test("comes with bye", async () => {
    const runtime = await start("() => 1");
    runtime.channel.close("idle");
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  });

  test("comes with the end of its executor", async () => {
    const runtime = await start("() => 1");
    (runtime.child.stdio[3] as unknown as { destroy(): void }).destroy();
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  });

  test("does not come from SIGUSR1, which would open a debugger", async () => {
    const runtime = await start("() => 1");
    runtime.child.kill("SIGUSR1");
    expect(await runtime.json(1)).toBe(1);
    expect(runtime.output.stderr).toBe("");
  });
});
