// `glean lease`: what it lists, shows and ends, and that no key is ever printed.

import { expect, test } from "@jest/globals";
import type { LeaseView } from "../../../src/sdk/index.js";
import { expectSentence, gleanWorld, refusal } from "../../support/glean.js";

const key = "5e".repeat(32);
const lease = {
  ...{ id: 42, user: "ada", function: "ada/tile", state: "ACTIVE", revision: 7, reason: null },
  ...{ expiresInMs: 8_500, idleMs: 5_000, hotMs: -1, cores: 2, memoryMb: 500 },
  ...{ wanted: 3, waiting: 2, timeLimitMs: 60_000 },
  used: { callsCoreMs: 2_500, hotCoreMs: 100, heldCoreMs: 7_400 },
  workers: [
    {
      ...{ worker: "42.1", node: "n1", host: "10.0.0.1", port: 40_000, socket: "gleaner-0" },
      ...{ hostId: "0".repeat(36), key, state: "terminating", terminatingInMs: 1_500 },
      ...{ clients: 1, calls: 12, busyMs: 2_500, spinMs: 100 },
    },
  ],
} as unknown as LeaseView;

const world = gleanWorld();
const glean = (...args: string[]) => world.start(args).end;

test("lists leases", async () => {
  world.answers["GET /v1/leases"] = () => ({ body: { leases: [lease] } });
  const { stdout } = await glean("lease", "list");
  expect(stdout.split("\n")).toEqual([
    "LEASE  FUNCTION  USER  STATE   WORKERS  CPUS  CALLS  HOT     EXPIRES",
    "   42  ada/tile  ada   ACTIVE      1/3     2     12  always     8.5s",
    "",
  ]);
});

test("shows a lease without its keys, as text and as JSON", async () => {
  world.answers["GET /v1/leases/42"] = () => ({ body: lease });
  const shown = await glean("lease", "show", "42");
  expect(shown.stdout).toContain("Workers=1/3 Waiting=2");
  expect(shown.stdout).toContain("42.1 Node=n1 Port=40000 State=terminating HoleEnds=1.5s");
  expect(shown.stdout).toContain("CoreTime: Calls=2.5s Spinning=0.1s HeldIdle=7.4s");
  const workers = lease.workers.map((each) => ({ ...each, disconnected: true }));
  world.answers["GET /v1/leases/42"] = () => ({ body: { ...lease, workers } });
  expect((await glean("lease", "show", "42")).stdout).toContain("State=disconnected HoleEnds=1.5s");
  const { stdout } = await glean("lease", "show", "42", "--json");
  expect(JSON.parse(stdout).workers[0]).toMatchObject({ worker: "42.1", key: null });
  expect(shown.stdout + stdout).not.toContain(key);
});

test("ends the leases that it can, and says why it cannot end one", async () => {
  world.answers["POST /v1/leases/42/end"] = () => ({ body: { state: "TERMINATING" } });
  world.answers["POST /v1/leases/41/end"] = () => refusal(404, "NOT_FOUND", "there is no lease 41");
  const result = await glean("lease", "end", "41,42", "--json");
  expect(JSON.parse(result.stdout)).toEqual({ leases: [{ id: 42, state: "TERMINATING" }] });
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(/no lease 41/);
  expectSentence(await glean("lease", "end", "42_0"), 2, /one worker of a lease/);
});

test("says which commands there are if one is missing or unknown", async () => {
  const missing = /^glean: name a command of lease: list, show, end, hold; see --help$/m;
  expectSentence(await glean("lease"), 2, missing);
  expectSentence(await glean("function"), 2, /name a command of function: deploy, /);
  expectSentence(await glean("lease", "renew"), 2, /unknown command 'renew'; see --help/);
});
