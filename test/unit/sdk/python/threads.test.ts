// The Python package where a process forks while one of its threads is at work, and where there is
// no memory for a thread.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, jest, test } from "@jest/globals";
import { purePython, python } from "../../../support/runtimes/python-runtime.js";

jest.setTimeout(60_000);

async function run(program: string): Promise<string> {
  const env = { PYTHONPATH: purePython.sdk, PYTHONDONTWRITEBYTECODE: "1" };
  return (await promisify(execFile)(python, ["-c", program], { env })).stdout.trim();
}

test("a forked process deploys a function although its parent was just doing that", async () => {
  const said = await run(`
import os, signal, threading, types, gleaner
from gleaner.functions import decorator
begun, may_end = threading.Event(), threading.Event()
def deploy(api, name, settings, files):
    begun.set()
    may_end.wait()
    return name + "@1"
decorator.deploy = deploy
decorator._code_of = lambda local: ("f.py:f", {})
f = gleaner.function(len)
deploying = threading.Thread(target=f.deploy, args=(types.SimpleNamespace(api=1),))
deploying.start()
begun.wait()
child = os.fork()
may_end.set()
if child == 0:
    signal.alarm(30)
    os._exit(0 if f.deploy(types.SimpleNamespace(api=2)) == "len@1" else 1)
deploying.join()
print(os.waitpid(child, 0)[1])`);
  expect(said).toBe("0");
});

test("a host is looked up again after there was no thread for that", async () => {
  const said = await run(`
import threading
from gleaner.direct import addresses
start = threading.Thread.start
def no_thread(self):
    raise RuntimeError("can't start new thread")
of = addresses.Addresses().of
threading.Thread.start = no_thread
try:
    of("localhost")
except RuntimeError as error:
    print(error)
threading.Thread.start = start
print(len(of("localhost")) > 0)`);
  expect(said).toBe("can't start new thread\nTrue");
});
