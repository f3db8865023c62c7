// The fork server for Python: workers that share what their parent imported and nothing else, the
// modules that forbid to fork, and children that end in any way.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ParentProcess } from "../../../support/runtimes/parent-process.js";
import { python, pythonFolder } from "../../../support/runtimes/python-runtime.js";
import { bundleOf, stopRuntimes } from "../../../support/runtimes/runtime-process.js";

const parents: ParentProcess[] = [];
afterEach(async () => {
  for (const parent of parents.splice(0)) await parent.remove();
  await stopRuntimes();
});

function start(text: string): ParentProcess {
  const parent = new ParentProcess({ "handler.py": text });
  parents.push(parent);
  return parent;
}

async function loaded(text: string): Promise<ParentProcess> {
  const parent = start(text);
  expect(await parent.load()).toEqual({ kind: "loaded", concurrency: 1 });
  return parent;
}

/** The open files of a process, by their numbers. */
function descriptorsOf(pid: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const number of readdirSync(`/proc/${pid}/fd`))
    try {
      found.set(Number(number), readlinkSync(`/proc/${pid}/fd/${number}`));
    } catch {
      // The one that the listing itself needed.
    }
  return found;
}

/** Modules of the library that take time to import. */
const heavy =
  "import argparse, asyncio, decimal, email.mime.text, http.client, sqlite3, unittest, xml.dom.minidom\n";

describe("forked workers", () => {
  test("have the module of their parent, which was imported once", async () => {
    const parent = await loaded(
      `${heavy}import os\nprint("imported by", os.getpid())\nhandler = lambda event: [os.getppid(), os.getpid()]`,
    );
    const workers = await Promise.all([parent.worker(), parent.worker(), parent.worker()]);
    const results = await Promise.all(workers.map(({ runtime }) => runtime.json(null)));
    const parentPid = parent.process.child.pid!;
    expect(results).toEqual(workers.map(({ pid }) => [parentPid, pid]));
    expect(parent.log).toBe(`imported by ${parentPid}\n`);
  });

  test("draw random numbers of their own, and are told that they were forked", async () => {
    const parent = await loaded(
      "import random\nrandom.seed(1)\ntry:\n    import numpy\n    numpy.random.seed(1)\n    random = numpy.random\nexcept ImportError: pass\nstate = []\ndef after_fork():\n    print('forked')\n    state.append(1)\ndef handler(event): return [random.random(), state]",
    );
    const first = await parent.worker();
    const second = await parent.worker();
    const [a, stateOfA] = (await first.runtime.json(null)) as [number, number[]];
    const [b, stateOfB] = (await second.runtime.json(null)) as [number, number[]];
    expect(a).not.toBe(b);
    expect([stateOfA, stateOfB]).toEqual([[1], [1]]);
    expect(first.runtime.logOf(null)).toBe("forked\n");
  });

  test("print to their own connections", async () => {
    const parent = await loaded("def handler(n): print('call', n)");
    const { runtime } = await parent.worker();
    await runtime.json(7);
    expect([runtime.logOf(1), parent.log]).toEqual(["call 7\n", ""]);
  });

  test("hold no descriptor of their parent but its output", async () => {
    const parent = await loaded("def handler(event): return 1");
    const { runtime, pid } = await parent.worker();
    await runtime.json(null);
    // What this test was started with, its children have as well.
    const inherited = new Set(descriptorsOf(process.pid).values());
    const ofParent = new Set(descriptorsOf(parent.process.child.pid!).values());
    const shared = [...descriptorsOf(pid)].filter(
      ([, target]) => ofParent.has(target) && !inherited.has(target),
    );
    expect(shared.map(([number]) => number)).toEqual([1, 2]);
  });

  test.each([
    [
      "a crash",
      "import ctypes\ndef handler(event): ctypes.string_at(8)",
      "CLOSED",
      { exitCode: 0, signal: 11 },
    ],
    ["an exit", "import os\ndef handler(event): os._exit(7)", "LEFT", { exitCode: 7, signal: 0 }],
  ])("end in %s, which their parent reports and survives", async (_what, text, code, end) => {
    const parent = await loaded(text);
    const { runtime, ended } = await parent.worker();
    expect(await runtime.call()).toMatchObject({ kind: "lost", failure: { code } });
    expect(await ended).toEqual(end);
    await parent.worker();
  });

  test("end with bye, and outlive their parent", async () => {
    const parent = await loaded("import os\nhandler = lambda event: os.getpid()");
    const [stays, leaves] = [await parent.worker(), await parent.worker()];
    leaves.runtime.channel.close();
    expect(await leaves.ended).toEqual({ exitCode: 0, signal: 0 });
    parent.channel.close();
    expect((await parent.closed).code).toBe("STOPPED");
    expect(await stays.runtime.json(null)).toBe(stays.pid);
    stays.runtime.channel.close();
    await stays.runtime.closed;
  });

  test("fail to load if their hook raises", async () => {
    const parent = await loaded(
      "def after_fork(): open('/nothing/there')\ndef handler(event): pass",
    );
    await expect(parent.worker()).rejects.toThrow(/FileNotFoundError.*nothing/);
  });

  test("run coroutines", async () => {
    const parent = await loaded(
      "import asyncio\nasync def handler(event): return await asyncio.sleep(0, 5)",
    );
    const { runtime } = await parent.worker();
    expect(await runtime.json(null)).toBe(5);
  });
});

describe("a module that forbids to fork", () => {
  test.each([
    [
      "starts a thread",
      "import threading\nthreading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()",
      /started threads \(poller\) while it was imported: start them in after_fork\(\), or deploy with --no-fork/,
    ],
    [
      "opens a file",
      "file = open('/etc/passwd')",
      /opened \/etc\/passwd \(descriptor \d+\).*open it in after_fork\(\), or deploy with --no-fork/,
    ],
    ["opens a socket", "import socket\ns = socket.socket()", /opened socket:.*--no-fork/],
    [
      "uses CUDA",
      "import sys, types\nsys.modules['torch'] = t = types.ModuleType('torch')\nt.cuda = types.SimpleNamespace(is_initialized=lambda: True)",
      /initialised CUDA.*--no-fork/,
    ],
    [
      "has a library with threads",
      "import ctypes\nlibc = ctypes.CDLL(None)\nrun = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)\nt = ctypes.c_ulong()\nlibc.pthread_create(ctypes.byref(t), None, ctypes.cast(libc.pause, run), None)",
      /libraries started 1 threads.*--no-fork/,
    ],
  ])("%s: it is refused in one sentence", async (_what, text, message) => {
    const parent = start(`${text}\ndef handler(event): pass`);
    expect(await parent.load()).toMatchObject({
      kind: "failed",
      error: { type: "UnsafeToFork", message: expect.stringMatching(message) },
    });
  });

  test.each([
    [
      "opens /dev/null and random numbers",
      "import os\na = os.open('/dev/null', 0)\nb = open('/dev/urandom', 'rb')",
    ],
    [
      "started a thread that has ended",
      "import threading\nt = threading.Thread(target=print)\nt.start(); t.join()",
    ],
    ["closed its file", "with open('/etc/passwd') as f: f.read()"],
    [
      "has torch without CUDA",
      "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')",
    ],
  ])("is not one that %s", async (_what, text) => {
    await loaded(`${text}\ndef handler(event): pass`);
  });

  test("cannot be imported at all: told in the words of its exception", async () => {
    const parent = start("import nothing_of_this_name");
    expect(await parent.load()).toMatchObject({
      kind: "failed",
      error: { type: "ModuleNotFoundError" },
    });
  });
});

test("a fork whose worker cannot connect fails, and the parent goes on", async () => {
  const parent = await loaded("def handler(event): return 1");
  const { end } = parent.channel.fork({ path: "/nothing/there", token: "" });
  expect(await end).toMatchObject({ kind: "failed", error: { type: "FileNotFoundError" } });
  expect(await (await parent.worker()).runtime.json(null)).toBe(1);
});

test("a worker's connection may also come as a descriptor", () => {
  const directory = bundleOf({ "handler.py": "import os\nhandler = lambda event: os.getppid()" });
  const script = join(import.meta.dirname, "pass_descriptor.py");
  const text = execFileSync(python, ["-B", script, pythonFolder, directory], { encoding: "utf8" });
  expect(text).toBe("forked and called\n");
});

test("what is shared stays shared: the pages of a large module are not copied", async () => {
  const parent = await loaded(
    "data = list(range(1_000_000))\ndef handler(event): return len(data)",
  );
  const { runtime, pid } = await parent.worker();
  expect(await runtime.json(null)).toBe(1_000_000);
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(rollup)?.[1]);
  expect(kib("Private_Dirty")).toBeLessThan(kib("Rss") / 4);
});
