// How long a call over a lease in Python waits, whatever its worker does.

import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, jest, test } from "@jest/globals";
import { encodeDirectHead } from "../../../../src/wire/direct/frame.js";
import { encodeContentType } from "../../../../src/wire/worker/messages.js";
import { startServing } from "../../../support/runtimes/serving.js";
import {
  describePython,
  granted,
  LeasedPython,
} from "../../../support/sdk/python/leased-python.js";
import {
  type Scripted,
  ScriptedWorker,
  stuckWorker,
} from "../../../support/sdk/scripted-worker.js";

jest.setTimeout(60_000);
const leased = new LeasedPython();
const { run, grant } = leased;
/** So late that the socket's own limit, which is that of the call, would be far behind its end. */
const lateMs = 1_500;

const code = {
  "f.py": `
import time
def work(event):
    time.sleep(2 if event == "pause" else 0)
    return [event]
`,
};

/** Accepts connections and says nothing. */
async function silentServer() {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  return { silent, port: (silent.address() as AddressInfo).port };
}

describePython(leased, () => {
  test("tells a worker that its call was cancelled, although that was when its last byte left", async () => {
    const { worker } = await stuckWorker("9.1");
    grant(worker);
    const found = await run(`
import json, gleaner
from gleaner.direct import channel
cancellation, connect = gleaner.Cancellation(), channel.connect
class Cancelling:
    def __init__(self, connected):
        self.connected, self.sent = connected, 0
    def __getattr__(self, name):
        return getattr(self.connected, name)
    def sendmsg(self, *arguments):
        count = self.connected.sendmsg(*arguments)
        self.sent += count
        if self.sent > 20_000:
            cancellation.cancel()
        return count
channel.connect = lambda *where: Cancelling(connect(*where))
with gleaner.connect() as site, site.lease("work") as lease:
    try:
        lease.invoke(bytes(20_000), cancellation=cancellation)
    except gleaner.CallError as error:
        print(json.dumps([error.code, lease.invoke(0)]))`);
    // The worker goes on with it, so the next call does not wait for it there.
    expect(found).toEqual(["CANCELLED", "over gleanerd"]);
    expect([worker.calls, worker.cancels]).toEqual([1, [1]]);
    worker.stop();
  });

  test.each<[string, string, string]>([
    ["its time is over", "DEADLINE", "lease.invoke(0, timeout=0.5)"],
    ["Ctrl-C interrupts it", "KeyboardInterrupt", "lease.invoke(0)"],
    ["it is cancelled", "CANCELLED", "lease.invoke(0, cancellation=cancellation)"],
    ["its future is cancelled", "CancelledError", "in_executor(lease)"],
  ])("gives no call to a worker that goes on with one after %s", async (_, how, invoke) => {
    const mark = join(leased.world.home, "held");
    const { worker: stuck, answer } = await stuckWorker("9.1", 2, () => writeFileSync(mark, ""));
    const onCall = (id: number, { outbox }: Scripted): void => {
      outbox.send("result", id, Buffer.from("10.1"), encodeContentType("text/plain"));
      if (other.calls === 5) answer();
    };
    const other: ScriptedWorker = await ScriptedWorker.start(onCall, "10.1", () => false, 1);
    grant(stuck, other);
    const found = await run(`
import concurrent.futures, json, os, signal, threading, time, gleaner
how, cancellation = "${how}", gleaner.Cancellation()
def interrupt():
    while not os.path.exists("held"):
        time.sleep(0.01)
    if how == "KeyboardInterrupt":
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    cancellation.cancel()
def in_executor(lease):
    with lease.executor(1) as executor:
        future = executor.submit(0)
        while not os.path.exists("held"):
            time.sleep(0.01)
        future.cancel()
        future.result()
with gleaner.connect() as site, site.lease("work", 2) as lease:
    said = [lease.invoke(0)]
    threading.Thread(target=interrupt).start()
    try:
        ${invoke}
    except (gleaner.CallError, gleaner.DeadlineError) as error:
        said.append(error.code)
    except (KeyboardInterrupt, concurrent.futures.CancelledError) as error:
        said.append(type(error).__name__)
    said += [lease.invoke(n) for n in range(5)]
    while "9.1" not in [each.value for each in lease.map(range(4))]:
        pass
    print(json.dumps(said))`);
    expect(found).toEqual(["9.1", how, ...Array(5).fill("10.1")]);
    expect(stuck.cancels).toEqual([2]);
    rmSync(mark);
    stuck.stop();
    other.stop();
  });

  test("a worker that has no call gets the next one, however the last one ended", async () => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    const found = await run(`
import json, gleaner
cancellation = gleaner.Cancellation()
with gleaner.connect() as site, site.lease("work") as lease:
    said = [lease.invoke(0)]
    workers = lease._workers
    def take(*asked):
        taken = type(workers).take(workers, *asked)
        cancellation.cancel()
        return taken
    workers.take = take
    try:
        lease.invoke(1, cancellation=cancellation)
    except gleaner.CallError as error:
        said.append(error.code)
    del workers.take
    print(json.dumps([*said, lease.invoke(2)]))`);
    expect(found).toEqual([[0], "CANCELLED", [2]]);
  });

  test("waits no longer than a call may take for a worker that does not prove itself", async () => {
    const { silent, port } = await silentServer();
    const real = await startServing(leased.parts.command, code, {
      handler: "f.py:work",
      worker: "9.1",
    });
    grant({ endpoint: { ...real.endpoint, hostId: "another", host: "127.0.0.1", port } });
    const found = await run(`
import json, gleaner
from gleaner.direct import channel
channel._HANDSHAKE_S = 600.0 # a wait as long would not end in time
with gleaner.connect() as site, site.lease("work") as lease:
    try:
        lease.invoke(0, timeout=0.5)
    except gleaner.DeadlineError as error:
        print(json.dumps(error.code))`);
    expect(found).toBe("DEADLINE");
    silent.close();
  });

  test("finds one worker silent before it makes a call over gleanerd, and tries the others next", async () => {
    const { silent, port } = await silentServer();
    const real = await startServing(leased.parts.command, code, {
      handler: "f.py:work",
      worker: "10.1",
    });
    const there = { ...real.endpoint, hostId: "another", host: "127.0.0.1" };
    const nobody = ["1.1", "2.1"].map((worker) => ({ endpoint: { ...there, worker, port } }));
    grant(...nobody, { endpoint: there });
    const found = await run(`
import json, time, gleaner
from gleaner.direct import channel
tried, connect = [], channel.connect
channel._HANDSHAKE_S = 1.0
channel.connect = lambda endpoint, *rest: tried.append(endpoint["worker"]) or connect(endpoint, *rest)
with gleaner.connect() as site, site.lease("work", 3) as lease:
    began = time.monotonic()
    said = [lease.invoke(0), *tried]
    said.append(lease._workers._known["1.1"].avoid_until - began >= 3)
    while (answer := lease.invoke(1)) == "over gleanerd":
        pass
    print(json.dumps([*said, answer]))`);
    expect(found).toEqual(["over gleanerd", "1.1", true, [1]]);
    silent.close();
  });

  test("calls a function whose time limit is the longest that there is", async () => {
    leased.timeLimitMs = 2 ** 31 - 1;
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    leased.timeLimitMs = granted.timeLimitMs;
    const found = await run(`
import json, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    long = "x" * 500_000
    print(json.dumps([lease.invoke(0), lease.invoke(1), lease.invoke(long) == [long]]))`);
    expect(found).toEqual([[0], [1], true]);
  });

  test("ends a call at its deadline, however often a signal comes", async () => {
    const { worker: silent } = await stuckWorker("9.1", 2);
    grant(silent);
    const found = await run(`
import json, signal, gleaner
with gleaner.connect() as site, site.lease("work") as lease:
    said = [lease.invoke(0)]
    signal.signal(signal.SIGALRM, lambda *signal: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        lease.invoke(0, timeout=0.5)
    except gleaner.DeadlineError as error:
        said.append(error.code)
    # The interpreter would be killed by one as it ends.
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps(said))`);
    expect(found).toEqual(["9.1", "DEADLINE"]);
    silent.stop();
  });

  test.each([
    ["sends", "TIOCOUTQ", (left: string) => `${left} > 0`, "bytes(30_000_000)"],
    ["receives", "FIONREAD", (left: string) => `os.path.exists("begun") and ${left} == 0`, "0"],
  ])(
    "is interrupted while it %s a long payload that goes no further",
    async (_, queue, isStuck, input) => {
      const mark = join(leased.world.home, "begun");
      const head = (id: number) =>
        encodeDirectHead("result", id, encodeContentType("application/octet-stream"), 1e6);
      const worker: ScriptedWorker = await ScriptedWorker.start((id, { outbox, socket }) => {
        if (worker.calls === 1) {
          outbox.send("result", id, Buffer.from("9.1"), encodeContentType("text/plain"));
          if (queue === "TIOCOUTQ") socket.pause();
        } else
          socket.write(Buffer.concat([head(id), Buffer.alloc(20_000)]), () =>
            writeFileSync(mark, ""),
          );
      }, "9.1");
      grant(worker);
      const found = await run(`
import array, fcntl, json, os, signal, termios, threading, time, gleaner
from gleaner.direct import channel
connected, connect = [], channel.connect
def kept(*where):
    connected.append(connect(*where))
    return connected[-1]
channel.connect = kept
def left():
    count = array.array("i", [0])
    fcntl.ioctl(connected[0].fileno(), termios.${queue}, count)
    return count[0]
def interrupt():
    while not (${isStuck("left()")}):
        time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
with gleaner.connect() as site, site.lease("work") as lease:
    said = [lease.invoke(0)]
    threading.Thread(target=interrupt).start()
    try:
        lease.invoke(${input}, timeout=20)
    except KeyboardInterrupt as error:
        # One that was heeded only after the wait follows what ended that.
        said.append(type(error.__context__).__name__)
    print(json.dumps(said))`);
      expect(found).toEqual(["9.1", "NoneType"]);
      rmSync(mark, { force: true });
      worker.stop();
    },
  );

  test("waits for the rest of an answer no longer than what is left of the call's time", async () => {
    const head = encodeDirectHead("result", 1, encodeContentType("application/octet-stream"), 1e6);
    const begun = Buffer.concat([head, Buffer.alloc(20_000)]);
    const worker = await ScriptedWorker.start(
      (_id, { socket }) => void setTimeout(() => socket.write(begun), lateMs),
      "9.1",
    );
    grant(worker);
    const found = await run(`
import json, gleaner
from gleaner.direct import reader
limits = []
def limit_waits(connected, seconds):
    limits.append(seconds)
    raise BlockingIOError("the time is over")
reader.limit_waits = limit_waits
with gleaner.connect() as site, site.lease("work") as lease:
    try:
        lease.invoke(0, timeout=60)
    except gleaner.DeadlineError as error:
        print(json.dumps([error.code, len(limits), 0 < limits[0] <= ${60 - lateMs / 1_000}]))`);
    expect(found).toEqual(["DEADLINE", 1, true]);
    worker.stop();
  });

  test("waits behind its own calls for a worker that runs one at a time", async () => {
    grant(await startServing(leased.parts.command, code, { handler: "f.py:work", worker: "9.1" }));
    const found = await run(`
import json, gleaner
from gleaner.direct import channel
with gleaner.connect() as site, site.lease("work") as lease:
    lease.invoke(0)
    with lease.executor(4) as executor:
        first = executor.submit("pause")
        # Until it has the connection that there is.
        while lease._workers._resting:
            pass
        channel._HANDSHAKE_S = 0.01
        futures = [first, *(executor.submit(n) for n in range(3))]
        futures[-1].cancel()
        print(json.dumps([each.result()[0] for each in futures[:-1]]))`);
    expect(found).toEqual(["pause", 0, 1]);
  });
});
