// Calls in Python that are cancelled while the library waits for gleanerd: they end at once, in
// whatever pause it is.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, jest, test } from "@jest/globals";
import { type Answer, gleanWorld, refusal } from "../../../support/glean.js";
import { purePython, python } from "../../../support/runtimes/python-runtime.js";

jest.setTimeout(60_000);
const world = gleanWorld();

/** Two calls, of which one waits for the token that the other one asks for. */
const program = `
import json, os, sys, threading, time, gleaner
site = gleaner.connect()
def run(cancellation, ends):
    try:
        site.invoke("f", 1, cancellation=cancellation)
    except gleaner.CallError as error:
        ends.append(error.code)
ends = []
calls = [gleaner.Cancellation() for _ in range(2)]
threads = [threading.Thread(target=run, args=(each, ends)) for each in calls]
for each in threads:
    each.start()
sys.stdin.readline()
since = time.monotonic()
for each in calls:
    each.cancel()
for each in threads:
    each.join()
print(json.dumps([ends, time.monotonic() - since < 2]))`;

const busy: Answer = { ...refusal(503, "OVERLOADED", "too many at once"), retryAfter: "5" };

test.each<[string, string, number, Answer]>([
  ["for a token", "GET /v1/challenge", 1, busy],
  // The pauses are 0.25 s, and twice as long each time.
  ["for a gleanerd that is away", "GET /v1/invocations/7/outcomes", 10, "cut"],
])("calls that wait %s end as soon as they are cancelled", async (_, route, requests, answer) => {
  const env = { ...world.environment, PYTHONPATH: purePython.sdk, PYTHONDONTWRITEBYTECODE: "1" };
  const running = promisify(execFile)(python, ["-c", program], { cwd: world.home, env });
  let asked = 0;
  world.answers["POST /v1/calls"] = () => ({ body: { id: 7, invocation: null, answer: null } });
  world.answers["POST /v1/cancel"] = () => ({ body: {} });
  world.answers[route] = () => {
    if (++asked === requests) running.child.stdin!.end("\n");
    return answer;
  };
  const { stdout } = await running;
  expect(JSON.parse(stdout)).toEqual([["CANCELLED", "CANCELLED"], true]);
});
