// Python workers forked from a parent on a real node: what they share, how they end, and that a
// parent which dies, hangs or lies costs nothing but time.

import { chmodSync, existsSync, mkdtempSync, readFileSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { callingNode, logOf, resultOf } from "../../../support/executor/calling-node.js";
import { until } from "../../../support/executor/executor.js";
import { groupOf, isFrozen } from "../../../support/executor/frozen.js";
import { family, type Member, PythonFamily } from "../../../support/executor/python-family.js";

const at = callingNode();

const { python, pythons, children } = new PythonFamily(at);

/** So large that the node has no memory for a child of its parent that stands by. */
const noChild = { memoryMb: 3_000 };

describe("workers of one version", () => {
  test("have what their parent imported once, each in a group of its own", async () => {
    const code = await python(family);
    const first = at.order(code, 600);
    const second = at.order(code, 600);
    await at.node.run(first);
    await at.node.run(second);
    const all = pythons();
    // Another one may be on its way to its group, or stand by.
    const busy = () => children().filter((pid) => !isFrozen(pid));
    await until(() => busy().length === 2 && new Set(pythons().map(groupOf)).size >= 3);
    const third = resultOf(await at.call(code)) as Member;
    expect(third.importedBy).toBe(third.parent);
    expect(all).toContain(third.parent);
  });

  test("keep their parent while one of them lives, however short their idle timeout is", async () => {
    const code = await python(family, { idleTimeoutMs: 1 });
    await at.node.run(at.order(code, 600));
    const before = pythons();
    await pause(100);
    const next = resultOf(await at.call(code)) as Member;
    expect(before).toContain(next.parent);
    await until(() => pythons().length <= 3); // one may stand by
  });

  test("take their place in every hierarchy: one that needs too much memory ends alone", async () => {
    const code = await python(`${family}
def handler(event):
    if event: hold = bytearray(400_000_000)
    return os.getppid()`);
    const parent = resultOf(await at.call(code));
    expect(await at.call(code, 1)).toMatchObject({ end: "OUT_OF_MEMORY" });
    expect(resultOf(await at.call(code))).toBe(parent);
  });

  test("find the kernel ready to move them: the executor moves to where it is, until they are there", async () => {
    const isMoved = join(mkdtempSync(join(tmpdir(), "moved-")), "yes");
    chmodSync(dirname(isMoved), 0o755);
    const code = await python(`import os, time
while not os.path.exists(${JSON.stringify(isMoved)}): time.sleep(0.01)
def handler(event): time.sleep(event)`);
    const own = at.node.groups().find((group) => existsSync(`${group}/self/cgroup.procs`))!;
    const before = readFileSync(`${own}/self/cgroup.procs`, "utf8");
    let moves = 0;
    const watcher = watch(`${own}/self/cgroup.procs`, () => moves++);
    const ordered = at.node.run(at.order(code, 600));
    await until(() => moves > 1);
    writeFileSync(isMoved, "");
    const order = await ordered;
    for (let seen = 0; seen < moves; await pause(100)) seen = moves; // until it rests
    watcher.close();
    expect(readFileSync(`${own}/self/cgroup.procs`, "utf8")).toContain(before);
    at.daemon.send({ type: "cancel", key: order });
    await at.daemon.report(order);
  });

  test("are used warm, and their parent is frozen meanwhile", async () => {
    const code = await python(`import threading, os
ticks = []
def after_fork(): pass
def handler(event): return os.getpid()`);
    const pid = resultOf(await at.call(code));
    expect(resultOf(await at.call(code))).toBe(pid);
    await until(() => pythons().every(isFrozen));
  });

  test("print to the logs of their calls, also by what they start", async () => {
    const code = await python(`import subprocess
print("imported")
def handler(event):
    print("called")
    subprocess.run(["echo", "by another"])`);
    const log = logOf(await at.call(code));
    for (const text of ["imported", "called", "by another"]) expect(log).toContain(text);
  });

  test("are started alone with --no-fork", async () => {
    const code = await python(family, { fork: false });
    const { pid, importedBy } = resultOf(await at.call(code)) as Member;
    expect(importedBy).toBe(pid);
    expect(pythons()).toEqual([pid]);
  });

  test("are started alone where there is no memory for a parent", async () => {
    const code = await python(family);
    const { pid, importedBy } = resultOf(await at.call(code, null, { memoryMb: 5_000 })) as Member;
    expect(importedBy).toBe(pid);
  });
});

describe("a module that cannot be forked runs all the same, and the log says what to do", () => {
  test.each([
    [
      "starts a thread",
      "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
      /started threads/,
    ],
    ["opens a file", "file = open('/etc/passwd')", /opened \/etc\/passwd/],
    ["opens a socket", "import socket\ns = socket.socket()", /opened socket/],
    [
      "starts a process",
      "import subprocess\np = subprocess.Popen(['sleep', '600'])",
      /started processes \(sleep\)/,
    ],
    [
      "hides a process",
      "import os\nif os.fork() == 0:\n    if os.fork() > 0: os._exit(0)\n    os.execvp('sleep', ['sleep', '600'])\nos.wait()",
      /started processes/,
    ],
    [
      "uses CUDA",
      "import sys, types\nsys.modules['torch'] = t = types.ModuleType('torch')\nt.cuda = types.SimpleNamespace(is_initialized=lambda: True)",
      /initialised CUDA/,
    ],
  ])("%s", async (_what, text, reason) => {
    const code = await python(`${text}\nimport os\nhandler = lambda event: os.getpid()`);
    const report = await at.call(code);
    expect(resultOf(report)).toEqual(expect.any(Number));
    expect(logOf(report)).toMatch(reason);
    expect(logOf(report)).toMatch(/after_fork\(\), or deploy with --no-fork/);
    // What the module started may be frozen with its worker before it becomes another program.
    await until(() => at.node.processes().every((line) => !line.includes("--parent")));
  });
});

test("a module that cannot be imported fails its call in its own words", async () => {
  const code = await python("import nothing_of_this_name");
  const report = await at.call(code);
  expect(report).toMatchObject({ end: "FAILED", answer: { kind: "notLoaded" } });
  expect(report.reason).toMatch(/nothing_of_this_name/);
});

test("what a parent printed before it failed is in the log once, and what the second start adds", async () => {
  const setup = 'echo "loading modules"; echo "in $$"';
  const code = await python("print('importing')\nimport nothing_of_this_name", { setup });
  const log = logOf(await at.call(code));
  expect(log).toMatch(/^loading modules\nin \d+\n(importing\n)?in \d+\n(importing\n)?$/);
  expect(log!.match(/importing/g)).toHaveLength(1);
});

describe("a worker", () => {
  test.each([
    ["exits", "os._exit(3)", /the handler called os\._exit\(3\)/],
    ["crashes", "os.kill(os.getpid(), signal.SIGSEGV)", /killed by signal 11/],
    ["closes its connection", "os.close(3); time.sleep(600)", /connection/],
    ["forks, leaves children and exits", "leave()", /the handler called os\._exit\(4\)/],
  ])("that %s ends its call, and the next call runs", async (_what, text, reason) => {
    const code = await python(`import ctypes, os, signal, time
def leave():
    # Not by os.fork, after which Python closes the connection.
    if ctypes.CDLL(None).fork() == 0:
        os.setsid()
        while True: time.sleep(600)
    os._exit(4)
def handler(event):
    if event: ${text}
    return os.getppid()`);
    const parent = resultOf(await at.call(code, null, noChild));
    const report = await at.call(code, 1, noChild);
    expect(report).toMatchObject({ end: "FAILED" });
    expect(report.reason).toMatch(reason);
    expect(resultOf(await at.call(code, null, noChild))).toBe(parent);
    await until(() => pythons().length === 2);
  });

  test("that ends soon has the memory that it had", async () => {
    const code = await python(`import os
def handler(event):
    hold = bytearray(b"x") * 60_000_000
    os._exit(3)`);
    const report = await at.call(code);
    expect(report).toMatchObject({ end: "FAILED" });
    expect(report.maxRssMb).toBeGreaterThanOrEqual(57);
  });

  test("that blocks is killed at its time limit", async () => {
    const code = await python(
      "import os\ndef handler(event):\n    while event: pass\n    return os.getppid()",
    );
    const parent = resultOf(await at.call(code));
    expect(await at.call(code, 1, { timeLimitMs: 300 })).toMatchObject({ end: "TIMEOUT" });
    expect(resultOf(await at.call(code))).toBe(parent);
  });

  test("that kills its parent and its group goes on, and the next one has another parent", async () => {
    const code = await python(`import os, signal
def handler(event):
    parent = os.getppid()
    if event:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(parent, signal.SIGKILL)
        os.killpg(0, signal.SIGTERM)
    return parent`);
    const beside = at.order(code, 0);
    const parent = resultOf(await at.call(code, 1));
    await until(() => !pythons().includes(parent as number));
    expect(await at.node.finish(beside)).toMatchObject({ end: "COMPLETED" });
    const both = [at.order(code, 0), at.order(code, 0)];
    const reports = await Promise.all(both.map((each) => at.node.finish(each)));
    expect(reports.map(({ end }) => end)).toEqual(["COMPLETED", "COMPLETED"]);
  });
});

test("what a worker leaves in the memory that all share ends its parent and the others", async () => {
  const code = await python(`import os, time
def handler(event):
    time.sleep(event.get("sleep", 0))
    if event.get("leave"):
        open("/dev/shm/left", "wb").write(bytes(1_000_000))
        os._exit(5)
    return os.path.exists("/dev/shm/left")`);
  const first = at.order(code, { sleep: 1 });
  await at.node.run(first);
  expect(await at.call(code, { leave: true })).toMatchObject({ end: "FAILED" });
  expect(await at.daemon.report(first)).toMatchObject({ end: "COMPLETED" });
  expect(resultOf(await at.call(code, {}))).toBe(false);
});

test("workers that share a parent have no System V memory, which would outlive them", async () => {
  const text = `import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def handler(event): return [libc.shmget(0, 4096, 0o1600) >= 0, os.strerror(ctypes.get_errno())]`;
  expect(resultOf(await at.call(await python(text)))).toEqual([false, "No space left on device"]);
  expect(resultOf(await at.call(await python(text, { fork: false })))).toEqual([true, "Success"]);
});

/** `during`: what the parent does in place of os.fork. */
const hostile = (during: string) => `import os, signal, time
real, module = os.fork, os.getpid()
def fork():
    # Those that the runtime itself makes to see whether it may fork come first.
    import sys
    if sys._getframe(1).f_code.co_name != "_fork": return real()
${during.replace(/^/gm, "    ")}
os.fork = fork
def handler(event): return {"pid": os.getpid(), "alone": os.getpid() == module}`;

describe("a parent", () => {
  test.each([
    ["is killed in the middle of a fork", "os.kill(os.getpid(), signal.SIGKILL)"],
    ["hangs in the middle of a fork", "time.sleep(600)"],
    ["names a process that is not its child", "return 1 + 1"],
    ["names its own process", "return os.getpid()"],
    ["forks another worker than it names", "real(); return real()"],
    [
      "leaves a process beside the worker",
      "import subprocess\nsubprocess.Popen(['sleep', '600'])\nreturn real()",
    ],
    ["names a process of its user elsewhere", "import subprocess\nreturn os.getppid()"],
  ])("that %s is ended, and the worker starts alone", async (_what, during) => {
    const code = await python(hostile(during));
    expect(resultOf(await at.call(code))).toMatchObject({ alone: true });
    await until(() => pythons().length === 1);
  });

  test("that is killed while it imports costs nothing but time", async () => {
    const code = await python(`import os, signal, sys
if "--parent" in sys.argv: os.kill(os.getpid(), signal.SIGKILL)
handler = lambda event: 7`);
    expect(resultOf(await at.call(code))).toBe(7);
  });

  test("that needs too much memory leaves its call to end by that", async () => {
    const code = await python("hold = bytearray(400_000_000)\nhandler = lambda event: 7");
    expect(await at.call(code)).toMatchObject({ end: "OUT_OF_MEMORY" });
  });

  test("that imports for too long is gone with its call", async () => {
    const code = await python("import time\ntime.sleep(600)\nhandler = lambda event: 7");
    let timeLimitMs = 500;
    let report = await at.call(code, null, { timeLimitMs });
    // On a loaded machine python may not even begin within the limit.
    while (report.end === "EVICTED") {
      timeLimitMs *= 2;
      report = await at.call(code, null, { timeLimitMs });
    }
    expect(report).toMatchObject({ end: "TIMEOUT" });
    expect(report.wallMs).toBeGreaterThan(0);
    expect(pythons()).toEqual([]);
  });

  test("goes first when others need its memory, and its workers stay", async () => {
    const code = await python(family);
    const { pid, parent } = resultOf(await at.call(code)) as Member;
    await at.node.run(at.node.order(["sleep", "600"], { memoryMb: 7_900 }));
    await until(() => pythons().length === 1);
    expect(pythons()).not.toContain(parent);
    expect(resultOf(await at.call(code))).toMatchObject({ pid });
  });

  test("is gone with its workers when a job takes the node", async () => {
    const code = await python(family);
    await at.call(code);
    await at.node.run(at.order(code, 600));
    expect(await at.node.hook("prolog", 1, 16)).toBe(0);
    expect(pythons()).toEqual([]);
  });

  test("that still imports is gone when a job takes the node", async () => {
    const code = await python("import time\ntime.sleep(600)\nhandler = lambda event: 7");
    const ordered = at.order(code);
    at.daemon.send({ type: "start", order: ordered });
    await until(() => pythons().length > 0);
    expect(await at.node.hook("prolog", 1, 16)).toBe(0);
    expect(pythons()).toEqual([]);
    expect(await at.daemon.report(ordered)).toMatchObject({ end: "EVICTED" });
  });

  test("and its workers are gone with their executor", async () => {
    const code = await python(family);
    const { parent } = resultOf(await at.call(code)) as Member;
    await at.node.run(at.order(code, 600));
    process.kill(parent, "SIGKILL");
    at.node.signal("SIGKILL");
    await until(() => pythons().length === 0);
    const heard = at.daemon.heard.length;
    at.node.launch();
    await at.daemon.hears("ready", () => true, heard);
  });
});
