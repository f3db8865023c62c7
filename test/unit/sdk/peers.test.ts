// The workers of test/vectors/direct/peers.json, at which each library has its first call end as
// the vector says, and a second one with an answer, or another way.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { gleanWorld } from "../../support/glean.js";
import { makeClient, runClient } from "../../support/runtimes/c-client.js";
import { purePython, python } from "../../support/runtimes/python-runtime.js";
import { Leasing } from "../../support/sdk/leasing.js";
import { limitOf, type Peer, PeerWorkers, peers } from "../../support/sdk/peers.js";

type Ends = readonly (readonly string[])[];

jest.setTimeout(60_000);
const world = gleanWorld();
const sites: PeerWorkers[] = [];
let client = "";
beforeAll(() => {
  client = makeClient("peers");
});
afterEach(() => {
  for (const workers of sites.splice(0)) workers.stop();
});

/** All at once: most of the time is that of handshakes that hang. */
test("the libraries for JavaScript, Python and C", async () => {
  const libraries = { JavaScript: withJavaScript, Python: withPython, C: withC };
  const meetings = Object.entries(libraries).map(async ([name, meetAll]) => {
    const workers = await PeerWorkers.start();
    sites.push(workers);
    return [name, broken(await meetAll(workers))];
  });
  expect(await Promise.all(meetings)).toEqual(Object.keys(libraries).map((name) => [name, []]));
});

/** Each vector with how its calls ended, those that are as they should be left out. */
const broken = (all: Ends) =>
  peers.flatMap(({ name, ends, dribbles }, at) => {
    const [first, second] = all[at]!;
    const isGood = ends.includes(first as Peer["ends"][number]);
    // What is left of the first answer comes between the second one's bytes.
    const next = ["result", "unreached", ...(dribbles ? ["lost"] : [])];
    // It may still be sending what no call waits for.
    if (first === "late") next.push("late");
    const goesOn = first === "unreached" || next.includes(second!);
    return isGood && goesOn ? [] : [[name, first, second]];
  });

function withJavaScript(workers: PeerWorkers): Promise<Ends> {
  const codes: Record<string, string> = { LEASE_LOST: "lost", TIMEOUT: "late", FAILED: "invalid" };
  const meet = async (peer: Peer, at: number): Promise<string[]> => {
    const lease = await new Leasing([workers.endpoints[at]!]).open({ retry: "never" });
    const call = (timeLimitMs: number) =>
      lease.invoke(1, { timeLimitMs }).then(
        (value) => (value === "by gleanerd" ? "unreached" : "result"),
        (error) => codes[error.code] ?? String(error),
      );
    const first = await call(limitOf(peer));
    const ends = first === "unreached" ? [first] : [first, await call(limitOf(peer))];
    await lease.end();
    return ends;
  };
  return Promise.all(peers.map(meet));
}

async function withPython(workers: PeerWorkers): Promise<Ends> {
  const granted = {
    ...{ state: "ACTIVE", revision: 1, reason: null },
    ...{ expiresInMs: 60_000, timeLimitMs: 60_000 },
  };
  const lease = (at: number) => ({
    body: { id: at + 1, ...granted, workers: [workers.endpoints[at]] },
  });
  world.answers["POST /v1/leases"] = ({ body }) => lease(Number(body.function.slice(5)));
  for (const at of peers.keys()) {
    world.answers[`GET /v1/leases/${at + 1}`] = () => lease(at);
    world.answers[`POST /v1/leases/${at + 1}/renew`] = () => ({ body: {} });
    world.answers[`POST /v1/leases/${at + 1}/end`] = () => ({ body: { state: "ENDED" } });
  }
  world.answers["POST /v1/calls"] = () => ({ body: { id: 7, invocation: null, answer: null } });
  const payload = { contentType: "application/json", text: '"over gleanerd"' };
  const outcome = {
    task: 0,
    state: "COMPLETED",
    reason: null,
    answer: { kind: "result", payload },
  };
  world.answers["GET /v1/invocations/7/outcomes"] = () => ({ body: { outcomes: [outcome] } });
  const program = ["-B", join(import.meta.dirname, "python/peers.py")];
  const { stdout } = await promisify(execFile)(
    python,
    [...program, JSON.stringify(peers.map(limitOf))],
    { cwd: world.home, env: { ...world.environment, PYTHONPATH: purePython.sdk } },
  );
  return JSON.parse(stdout);
}

function withC(workers: PeerWorkers): Promise<Ends> {
  const meet = async (peer: Peer, at: number) =>
    (await runClient([client, String(limitOf(peer))], [workers.endpoints[at]!])).trim().split("\n");
  return Promise.all(peers.map(meet));
}
