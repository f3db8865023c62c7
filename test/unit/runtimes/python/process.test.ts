// The process of a worker for Python: calls at once, what handlers print, and what they do to the
// process that runs them.

import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test } from "@jest/globals";
import { python, pythonCommand } from "../../../support/runtimes/python-runtime.js";
import { loadedRuntime, stopRuntimes } from "../../../support/runtimes/runtime-process.js";
import { describeWorkerEnd } from "../../../support/runtimes/worker-end.js";

afterEach(stopRuntimes);

const start = (text: string, more = {}) =>
  loadedRuntime(pythonCommand, { "handler.py": text }, more);
const order = { deadlineMs: 0, attempt: 1, contentType: "", name: "", input: Buffer.alloc(0) };

test("a call gets the memory that the last one freed, and the kernel clears no page for it", async () => {
  const runtime = await start(
    `import resource
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def handler(event):
    before = faults()
    arrays = [bytearray(2**20) for _ in range(8)]
    return faults() - before`,
  );
  const [first, second] = [await runtime.json(null), await runtime.json(null)];
  expect(second).toBeLessThan(Number(first) / 10);
});

test("a worker imports no module that is slow and that only few workers need", async () => {
  // What the interpreter of this machine has imported by itself is none of ours.
  const loaded = "__import__('sys').modules";
  const own = execFileSync(python, ["-c", `print(*${loaded})`], { encoding: "utf8" });
  const runtime = await start(`def handler(event): return list(${loaded})`);
  const all = (await runtime.json(null)) as string[];
  expect(all).toContain("glean_runtime.loops");
  for (const name of ["typing", "queue", "signal", "socket", "asyncio", "traceback", "platform"])
    if (!own.trim().split(" ").includes(name)) expect(all).not.toContain(name);
});

describe("calls at once", () => {
  test.each([
    [
      "in threads",
      "import threading\nb = threading.Barrier(3)\ndef handler(event):\n    b.wait()\n    return event",
    ],
    [
      "in an event loop",
      "import asyncio\nall = []\nasync def handler(event):\n    f = asyncio.get_running_loop().create_future()\n    all.append(f)\n    if len(all) == 3: [each.set_result(1) for each in all]\n    await f\n    return event",
    ],
  ])("run together %s, up to the concurrency", async (_what, text) => {
    const runtime = await start(text, { concurrency: 3 });
    expect(await Promise.all([1, 2, 3].map((n) => runtime.json(n)))).toEqual([1, 2, 3]);
  });

  test.each([
    ["def handler(event):", 1],
    ["async def handler(event):", 1],
    ["async def handler(event):", 2],
  ])("run in their order: %s with a concurrency of %d", async (head, concurrency) => {
    const runtime = await start(
      `seen = []\n${head}\n    seen.append(event)\n    return list(seen)`,
      { concurrency },
    );
    expect(await Promise.all([1, 2, 3].map((n) => runtime.json(n)))).toEqual([
      [1],
      [1, 2],
      [1, 2, 3],
    ]);
  });

  test("in an event loop are cancelled, or before they run", async () => {
    const runtime = await start(
      "import asyncio\nasync def handler(event):\n    print('runs', flush=True)\n    await asyncio.sleep(1000)",
    );
    const calls = [runtime.channel.call(order), runtime.channel.call(order)];
    runtime.channel.cancel(calls[1]!.id);
    expect(await calls[1]!.end).toMatchObject({
      error: { kind: "cancelled", message: expect.stringMatching(/before its handler/) },
    });
    runtime.channel.cancel(calls[0]!.id);
    expect(await calls[0]!.end).toMatchObject({
      error: { kind: "cancelled", type: "CancelledError" },
    });
  });

  test("in threads are cancelled before they run", async () => {
    const runtime = await start(
      "import threading\ngo = threading.Event()\ndef handler(event, c):\n    if c.call_id == 'go': go.set()\n    go.wait()\n    return c.call_id",
      { concurrency: 2 },
    );
    const blocked = runtime.channel.call(order);
    const second = runtime.channel.call({ ...order, name: "wait" });
    const third = runtime.channel.call({ ...order, name: "go" });
    runtime.channel.cancel(third.id);
    expect(await third.end).toMatchObject({ error: { kind: "cancelled" } });
    runtime.child.kill("SIGKILL");
    expect([(await blocked.end).kind, (await second.end).kind]).toEqual(["lost", "lost"]);
  });
});

describe("a log", () => {
  test.each([
    ["threads", "import time\ndef pause(): time.sleep(0.005)\n", "def", ""],
    [
      "an event loop",
      "import asyncio\npause = lambda: asyncio.sleep(0.005)\n",
      "async def",
      "await ",
    ],
  ])("is that of its call, in %s", async (_what, head, def, wait) => {
    const runtime = await start(
      `import sys\n${head}${def} handler(n, c):
    print("out", n); print("err", n, file=sys.stderr)
    ${wait}pause()
    sys.stdout.buffer.write(b"raw\\n"); c.log("logged", n)
    sys.stdout.write("no end of line")
    return n`,
      { concurrency: 2 },
    );
    await Promise.all([runtime.json(1), runtime.json(2)]);
    for (const n of [1, 2])
      expect(runtime.logOf(n)).toBe(`out ${n}\nerr ${n}\nraw\nlogged ${n}\nno end of line`);
    expect(runtime.logs.map(({ stream }) => stream)).toContain("stderr");
    expect(runtime.output).toEqual({ stdout: "", stderr: "" });
  });

  test("has what a thread of the handler prints, and what logging writes", async () => {
    const runtime = await start(
      "import logging, threading\ndef handler(n):\n    t = threading.Thread(target=print, args=('thread', n)); t.start(); t.join()\n    logging.warning('careful')\n    return n",
    );
    await runtime.json(1);
    expect(runtime.logOf(1)).toBe("thread 1\nWARNING:root:careful\n");
  });

  test("is cut at its limit, for each call, and says so", async () => {
    const runtime = await start("def handler(n):\n    for i in range(n): print('x' * 99)", {
      logLimitBytes: 10_000,
    });
    for (const call of [1, 2]) {
      await runtime.json(1_000);
      expect(runtime.logOf(call)).toMatch(/^(x{99}\n){85}\[the log of this call is full.*\n$/);
    }
  });

  test("outside of calls belongs to none, and long lines come whole", async () => {
    const runtime = await start("print('x' * 300000)\ndef handler(n):\n    print('y' * 300000)");
    await runtime.json(1);
    expect([runtime.logOf(null).length, runtime.logOf(1).length]).toEqual([300_001, 300_001]);
  });
});

describe("a handler that harms its process", () => {
  test("calls sys.exit, which ends its call alone", async () => {
    const runtime = await start("import sys\ndef handler(event): sys.exit(3)");
    for (const _ of [1, 2])
      expect(await runtime.call()).toMatchObject({
        error: { kind: "exit", message: "the handler called sys.exit(3)" },
      });
  });

  test.each([
    ["kills itself", "import os\ndef handler(event): os.kill(os.getpid(), 9)", /killed by SIGKILL/],
    ["crashes", "import ctypes\ndef handler(event): ctypes.string_at(8)", /killed by SIGSEGV/],
    ["closes its connection", "import os\ndef handler(event): os.close(3)", /exited with status 1/],
    [
      "closes everything",
      "import os\ndef handler(event): os.closerange(0, 100)",
      /exited with status 1/,
    ],
  ])("%s", async (_what, text, sentence) => {
    const runtime = await start(text);
    expect(await runtime.call()).toMatchObject({ kind: "lost", failure: { code: "CLOSED" } });
    expect(describeWorkerEnd(await runtime.closed, await runtime.exit)).toMatch(sentence);
  });

  test.each([
    ["task", "loop.create_task(late())"],
    ["callback", "loop.call_soon(sys.exit, 3)"],
  ])("leaves a %s that calls sys.exit, which ends no other call", async (_what, leave) => {
    const runtime = await start(`import asyncio, sys
async def late():
    await go.wait()
    sys.exit(3)
async def handler(event):
    global go
    loop = asyncio.get_running_loop()
    if event == 1: go = asyncio.Event()
    if event == 1: ${leave}
    else:
        go.set()
        for _ in range(10): await asyncio.sleep(0)
    return event`);
    expect([await runtime.json(1), await runtime.json(2), await runtime.json(3)]).toEqual([
      1, 2, 3,
    ]);
  });

  test("calls os._exit, and says so", async () => {
    const runtime = await start("import os\ndef handler(event): os._exit(7)");
    const failure = { code: "LEFT", message: "the handler called os._exit(7)" };
    expect(await runtime.call()).toMatchObject({ kind: "lost", failure });
    expect(await runtime.exit).toEqual({ exitCode: 7, signal: 0 });
  });

  test.each([
    ["its call has set is gone after it", "", "ITIMER_REAL", "0, 0"],
    ["its call has set for processor time is gone", "", "ITIMER_VIRTUAL", "0, 0"],
    ["its call has set for a profile is gone", "", "ITIMER_PROF", "0, 0"],
    [
      "its module has set stays",
      "signal.setitimer(signal.ITIMER_REAL, 1_000)",
      "ITIMER_REAL",
      "1, 1",
    ],
  ])("runs on while an alarm that %s", async (_what, first, timer, left) => {
    const runtime = await start(`import signal
${first}
def handler(event):
    left = signal.getitimer(signal.${timer})[0]
    if event: signal.setitimer(signal.${timer}, 1_000)
    return int(left > 0)`);
    const isSet = first === "";
    expect([await runtime.json(isSet), await runtime.json(isSet)].join(", ")).toBe(left);
  });

  test.each([
    "_thread.interrupt_main()",
    "os.kill(os.getpid(), signal.SIGINT)",
    "signal.raise_signal(signal.SIGINT)",
    "signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)",
  ])(
    "is interrupted by %s in a thread of its own call, and not in one that another call has left",
    async (act) => {
      const runtime = await start(`import _thread, os, signal, threading, time
go, done = threading.Event(), threading.Event()
def act(): ${act}
def interrupt():
    go.wait()
    act()
    done.set()
def handler(event):
    if event == "leave": threading.Thread(target=interrupt).start()
    if event == "next":
        go.set()
        done.wait()
    if event == "own":
        threading.Thread(target=act).start()
        while True: time.sleep(0.01)
    return [event]`);
      expect(await runtime.json("leave")).toEqual(["leave"]);
      expect(await runtime.json("next")).toEqual(["next"]);
      const own = await runtime.call({ input: Buffer.from('"own"') });
      expect(own).toMatchObject({ kind: "failed", error: { type: "KeyboardInterrupt" } });
    },
  );

  test("crashes, and leaves its stack in the worker's output", async () => {
    const runtime = await start("import ctypes\ndef handler(event): ctypes.string_at(8)");
    await runtime.call();
    await runtime.exit;
    expect(runtime.output.stderr).toMatch(
      /Segmentation fault[\s\S]*handler\.py", line 2 in handler/,
    );
  });

  test("answers by itself, and then returns", async () => {
    const runtime = await start(
      "import os, struct\ndef handler(event): os.write(3, struct.pack('<IBBHQ', 0, 7, 0, 0, 1))",
    );
    expect(await runtime.call()).toMatchObject({ kind: "returned", outputBytes: 0 });
    expect((await runtime.closed).code).toBe("ANSWERED_TWICE");
  });

  test("forks, and only one of the two answers", async () => {
    const runtime = await start(
      "import os\ndef handler(event):\n    pid = os.fork()\n    if pid: os.waitpid(pid, 0)\n    print('printed')\n    return pid > 0",
    );
    expect(await runtime.json(1)).toBe(true);
    expect(await runtime.json(1)).toBe(true);
    expect(runtime.logOf(1)).toBe("printed\n");
    expect(runtime.output.stdout).toBe("printed\nprinted\n");
  });

  test("leaves a thread behind, and the worker ends all the same", async () => {
    const runtime = await start(
      "import threading\ndef handler(event):\n    threading.Thread(target=threading.Event().wait).start()\n    return 1",
    );
    await runtime.json(1);
    runtime.channel.close();
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  });

  test("blocks forever, and is killed", async () => {
    const runtime = await start("def handler(event):\n    while True: pass");
    const end = runtime.call();
    runtime.child.kill("SIGKILL");
    expect(await end).toMatchObject({ kind: "lost", failure: { code: "CLOSED" } });
  });

  test("starts a process, which does not get the connection", async () => {
    const runtime = await start(
      "import subprocess\ndef handler(event): return subprocess.check_output(['ls', '-l', '/proc/self/fd'], close_fds=False)",
    );
    const end = await runtime.call();
    expect(end.kind === "returned" && String(end.output)).not.toMatch(/ 3 -> socket/);
  });

  test("replaces and closes sys.stdout", async () => {
    const runtime = await start(
      "import sys\ndef handler(event):\n    sys.stdout.close()\n    print('still', file=sys.stdout)\n    return 1",
    );
    expect(await runtime.json(1)).toBe(1);
    expect(runtime.logOf(1)).toBe("still\n");
  });
});

describe("the end of a worker", () => {
  test.each([
    ["bye", "def handler(event): return 1"],
    ["bye, in an event loop", "async def handler(event): return 1"],
  ])("comes with %s", async (_what, text) => {
    const runtime = await start(text);
    await runtime.json(1);
    runtime.channel.close("idle");
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  });

  test("comes with the end of its executor", async () => {
    const runtime = await start("async def handler(event): return 1");
    (runtime.child.stdio[3] as unknown as { destroy(): void }).destroy();
    expect(await runtime.exit).toEqual({ exitCode: 0, signal: 0 });
  });
});
