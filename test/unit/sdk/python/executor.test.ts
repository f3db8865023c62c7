// Futures of the executor in Python: whoever waits for several learns how each of them ended.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, jest, test } from "@jest/globals";
import { purePython, python } from "../../../support/runtimes/python-runtime.js";

jest.setTimeout(60_000);

/** One thread, which a call has until the others are cancelled. */
const program = `
import concurrent.futures, json, threading
from gleaner.executor import Executor
may_end = threading.Event()
def invoke(input=None, *, timeout=None, cancellation=None):
    may_end.wait()
    return input
executor = Executor(invoke, 1)
futures = [executor.submit(number) for number in range(3)]
futures[1].cancel()
executor.submit("last")
executor.shutdown(False, cancel_futures=True)
may_end.set()
done = concurrent.futures.as_completed(futures, 10)
print(json.dumps(sorted([futures.index(each), each.cancelled()] for each in done)))
executor.shutdown()`;

test("futures that are cancelled while they wait for a thread are done for all who wait", async () => {
  const env = { PYTHONPATH: purePython.sdk, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(python, ["-c", program], { env });
  expect(JSON.parse(stdout)).toEqual([
    [0, true],
    [1, true],
    [2, true],
  ]);
});
