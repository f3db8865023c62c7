// Calls in Python that are cancelled while the library waits for gleanerd: they end at once, in
// whatever pause it is; and how soon a connection to gleanerd ends whose link is cut.

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

/** The connection is gone, and nobody has taken note of it; and one that has no room for more. */
const connections = `
import socket, threading
from gleaner.api.cancellation import Cancellation, shut
from gleaner.direct.channel import Channel
gone = socket.socket()
cancellation = Cancellation()
with cancellation.stopping(lambda: shut(gone)):
    cancellation.cancel()
gone.close()
shut(gone)

here, there = socket.socketpair()
channel = Channel.__new__(Channel)
channel._socket, channel._last_id = here, 1
channel._is_asked, channel._is_whole = True, True
try:
    while True:
        here.send(b"x" * 65536, socket.MSG_DONTWAIT)
except BlockingIOError:
    assert not channel.abandon()
here.close()
while there.recv(65536):
    pass
print("ended")`;

test("a cancelled call ends whatever state its connection is in", async () => {
  const env = { ...world.environment, PYTHONPATH: purePython.sdk, PYTHONDONTWRITEBYTECODE: "1" };
  const options = { cwd: world.home, env, timeout: 30_000 };
  const { stdout } = await promisify(execFile)(python, ["-c", connections], options);
  expect(stdout).toBe("ended\n");
});

/** How long a connection to gleanerd outlives its link: while it waits, and with what was sent. */
const links = `
import socket
from gleaner.api.http import Http
from gleaner.api.settings import Address
with socket.create_server(("127.0.0.1", 0)) as server:
    link = Http(Address(*server.getsockname())).open().sock
    after, every, count, unanswered = (
        link.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_" + name))
        for name in ("KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT")
    )
    watched = link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    print(watched, after + every * count, unanswered)
    link.close()`;

test("a connection to gleanerd ends within seconds once its link is cut", async () => {
  const env = { ...world.environment, PYTHONPATH: purePython.sdk, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)(python, ["-c", links], { cwd: world.home, env });
  // A daemon with a busy disk may leave an input unread for long.
  expect(stdout).toBe("True 6 0\n");
});
