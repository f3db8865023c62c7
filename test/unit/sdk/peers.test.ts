// The workers of test/vectors/direct/peers.json, at which each library has its first call end as
// the vector says, and a second one with an answer, or another way.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { gleanWorld } from "../../support/glean.js";
import { makeClient, runClient } from "../../support/runtimes/c-client.js";
import { purePython, python } from "../../support/runtimes/python-runtime.js";
import { Leasing } from "../../support/sdk/leasing.js";
import { limitOf, type Peer, PeerWorkers, peers } from "../../support/sdk/peers.js";

jest.setTimeout(60_000);
const world = gleanWorld();
let workers: PeerWorkers;
beforeEach(async () => {
  workers = await PeerWorkers.start();
});
afterEach(() => workers.stop());

/** Each vector with how its calls ended, those that are as they should be left out. */
const broken = (found: readonly (readonly string[])[]) =>
  peers.flatMap(({ name, ends, dribbles }, at) => {
    const [first, second] = found[at]!;
    const isGood = ends.includes(first as Peer["ends"][number]);
    // What is left of the first answer comes between the second one's bytes.
    const next = ["result", "unreached", ...(dribbles ? ["lost"] : [])];
    // It may still be sending what no call waits for.
    if (first === "late") next.push("late");
    const goesOn = first === "unreached" || next.includes(second!);
    return isGood && goesOn ? [] : [[name, first, second]];
  });

test("the library for JavaScript", async () => {
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
  expect(broken(await Promise.all(peers.map(meet)))).toEqual([]);
});

test("the library for Python", async () => {
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
  expect(broken(JSON.parse(stdout))).toEqual([]);
});

test("the library for C", async () => {
  const client = makeClient("peers");
  const meet = async (peer: Peer, at: number) =>
    (await runClient([client, String(limitOf(peer))], [workers.endpoints[at]!])).trim().split("\n");
  expect(broken(await Promise.all(peers.map(meet)))).toEqual([]);
});
