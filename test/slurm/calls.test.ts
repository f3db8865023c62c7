// Functions on real Slurm: deployed, called cold and warm, evicted by a job, called again; with
// large inputs and results.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Api } from "../../scripts/benchmarks/lib/api.js";
import type { BillAnswer, InvocationList, LeaseList, LeaseView } from "../../src/wire/api/types.js";
import type { WorkerSettings } from "../../src/wire/calls.js";
import { codeOf } from "../support/executor/function-code.js";
import { type LeaseProgram, LeasePrograms, type Tally } from "../support/sdk/lease-program.js";
import { type MpiKernel, MpiPrograms } from "../support/sdk/mpi.js";
import { type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({ nodes: 2, cpus: 4, memoryMb: 8_000 });
  await at.until("executors", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
});
afterAll(async () => {
  programs?.remove();
  await at?.site.stop();
});

/** Deploys JavaScript as a user, over the API. */
async function deploy(
  name: string,
  source: string,
  settings: Partial<WorkerSettings> = {},
): Promise<void> {
  const api = new Api(at.site, user);
  await api.identify();
  await api.deploy(name, (await codeOf({ "index.mjs": source }, settings)).bundle);
  api.close();
}

const invoke = (...args: string[]) => at.site.glean(["invoke", ...args], { user });

test("a function is deployed and called, cold and then warm, as its caller", async () => {
  await deploy(
    "who",
    "let calls = 0; export default (input) => ({ uid: process.getuid(), calls: ++calls, input });",
  );
  const first = await invoke("who", "--input", '{"n":1}');
  expect(first).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(first.stdout)).toEqual({ uid: 65_534, calls: 1, input: { n: 1 } });
  const second = await invoke("who", "--input", '{"n":2}');
  expect(JSON.parse(second.stdout)).toMatchObject({ calls: 2 });
});

test("an idle worker whose node a job takes is started on another node, before anybody calls", async () => {
  await deploy("kept", "let calls = 0; export default () => ++calls;");
  const { id } = JSON.parse((await invoke("kept", "--json")).stdout);
  const { invocations } = await at.json<InvocationList>(["acct", "-j", String(id)], user);
  const lost = invocations[0]!.node!;
  const before = await billed();
  const warm = async () => (await at.site.glean(["function", "show", "kept"], { user })).stdout;
  await at.until("its worker to be idle", async () =>
    (await warm()).includes(`1 on ${lost}`) ? true : undefined,
  );
  const job = await at.sbatch(["-w", lost, "--exclusive", "--wrap=sleep 60"]);
  const other = lost === "n1" ? "n2" : "n1";
  await at.until(`a worker on ${other}`, async () =>
    (await warm()).includes(`gleanerd had one started on ${other}`) ? true : undefined,
  );
  const called = JSON.parse((await invoke("kept", "--json")).stdout);
  const explained = await at.site.glean(["explain", String(called.id)], { user });
  expect(explained.stdout).toMatch(/a warm worker took it/);
  await at.site.cluster.run("scancel", [String(job)]);
  expect(await billed()).toBe(before + 1);
});

async function billed(): Promise<number> {
  const { exitCode, stdout } = await at.site.glean(["bill", "--json"], { user });
  expect(exitCode).toBe(0);
  const { lines } = JSON.parse(stdout) as { lines: { invocations: number }[] };
  return lines.reduce((sum, each) => sum + each.invocations, 0);
}

test("a call that waits survives a kill of gleanerd, and each call is billed once", async () => {
  await deploy("slow", "export default (ms) => new Promise((done) => setTimeout(done, ms, ms));");
  expect((await invoke("slow", "--input", "1")).stdout).toBe("1");
  const before = await billed();
  const answered = invoke("slow", "--input", "3000");
  await at.until("the call to run", async () => {
    const { stdout } = await at.site.glean(["queue", "--json"], { user });
    return stdout.includes("RUNNING") || undefined;
  });
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  expect(await answered).toMatchObject({ exitCode: 0, stdout: "3000" });
  expect(await billed()).toBe(before + 1);
});

test("a call is explained, traced and replayed", async () => {
  const lines = [
    "const pause = (ms) => new Promise((done) => setTimeout(done, ms));",
    "await pause(50);",
    "export default async ({ n }) => { console.log('got', n); await pause(50); return 2 * n; };",
  ];
  await deploy("double", lines.join("\n"));
  const glean = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await at.site.glean(args, { user });
    expect({ args, exitCode, stderr: exitCode === 0 ? "" : stderr }).toMatchObject({ exitCode: 0 });
    return stdout;
  };
  const { id: cold } = JSON.parse(await glean("invoke", "double", "--input", '{"n":4}', "--json"));
  const { id: warm } = JSON.parse(await glean("invoke", "double", "--input", '{"n":5}', "--json"));
  expect(await glean("explain", String(cold))).toMatch(
    /it was a cold start: to fetch the code took \d+ ms, to start the worker \d+ ms, to load/,
  );
  expect(await glean("explain", String(warm))).toMatch(/a warm worker took it; it ran for \d+ ms/);
  const { traceEvents } = JSON.parse(await glean("trace", String(cold), String(warm)));
  const names = traceEvents.map(({ name }: { name: string }) => name);
  // Phases that took no time are left out: the start of a worker from a spare, for example.
  expect(names).toEqual(expect.arrayContaining(["import", "run", `${cold} double`]));
  expect(await glean("replay", String(cold), "--remote")).toBe("8");
  expect(await glean("replay", String(warm))).toBe("10");
  expect(await glean("function", "test", "double", "--input", '{"n":6}')).toBe("12");
});

test("calls of a function with a concurrency meet in one worker, and share its bill", async () => {
  const meeting = `let inside = [];
export default () => new Promise((resolve) => {
  inside.push(resolve);
  if (inside.length === 4) for (const each of inside.splice(0)) each(process.pid);
});`;
  await deploy("meet", meeting, { concurrency: 4 });
  const glean = (...args: string[]) => at.site.gleanOrThrow(args, { user });
  const folder = mkdtempSync(join(tmpdir(), "glean-meet-"));
  try {
    const inputs = join(folder, "inputs.ndjson");
    writeFileSync(inputs, "1\n2\n3\n4\n");
    execFileSync("chmod", ["-R", "a+rX", folder]);
    const id = (await glean("map", "meet", "--inputs", inputs, "--async")).trim();
    const ended = await at.until("the calls to meet", async () => {
      const { invocations } = JSON.parse(await glean("acct", "-j", id, "--json"));
      const states = invocations.map(({ state }: { state: string }) => state);
      return states.every((state: string) => state === "COMPLETED") ? states : undefined;
    });
    expect(ended).toHaveLength(4);
    expect(await glean("explain", `${id}_3`)).toContain(
      `it got a seat in the worker that was opened for call ${id}`,
    );
    expect(await at.site.gleanOrThrow(["bill", "--verify"])).toContain("The ledger balances");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Installed by the first test that leases. */
let programs: LeasePrograms | null = null;
async function leasing(options: { readonly ttlMs?: number } = {}): Promise<LeaseProgram> {
  if (programs === null) {
    // A call takes long enough to be in a worker when that is lost.
    const source = "export default (input) => new Promise((end) => setTimeout(end, 5, input));";
    await deploy("same", source);
    programs = await LeasePrograms.install(at.site);
  }
  return programs.begin(user, options);
}

/** A worker and gleanerd see it at about the same time. */
const noLongerKept = /no client was connected|was not renewed in time|did not renew/;
const showLease = (id: string) => at.json<LeaseView>(["lease", "show", id], user);

/** Its workers' attempts, and the ledger, which balances. */
async function billedAttempts(lease: string) {
  const { invocations } = await at.json<InvocationList>(["acct", "-j", lease], user);
  expect((await at.site.glean(["bill", "--verify"])).stdout).toMatch(/The ledger balances/);
  return invocations;
}

test("a lease goes on through an eviction and a kill of gleanerd, and no call is lost", async () => {
  // Without a renewal, it outlives the time that gleanerd is away, however long that takes here.
  const program = await leasing({ ttlMs: 60_000 });
  const [first] = program.workers;
  await at.site.cluster.run("srun", ["-w", first!.split("@")[1]!, "--exclusive", "sleep", "1"]);
  // Both may have been on that node.
  await at.until("the program to know two workers again", async () => {
    const { workers } = await program.tally();
    return (workers.length === 2 && !workers.includes(first!)) || undefined;
  });
  await at.site.endDaemon("SIGKILL");
  const { calls } = await program.tally();
  await at.until("calls while gleanerd is away", async () =>
    (await program.tally()).calls > calls + 16 ? true : undefined,
  );
  await at.site.startDaemon();
  await at.until("both workers to serve again", async () =>
    (await showLease(program.id)).workers.length === 2 ? true : undefined,
  );
  const end = await program.end();
  expect(end).toMatchObject({ wrong: 0, errors: {} });
  expect(end.workers).not.toEqual(program.workers);
  const hasEnded = async () =>
    (await at.json<LeaseList>(["lease", "list"], user)).leases.length === 0 || undefined;
  await at.until("the lease to end", hasEnded);
  const dead = await leasing({ ttlMs: 2_000 });
  const killedAtMs = Date.now();
  dead.kill();
  await at.until("the lease of a client that died to end", hasEnded);
  expect((await showLease(dead.id)).reason).toMatch(noLongerKept);
  for (const { endedAtMs } of await billedAttempts(dead.id))
    expect(endedAtMs! - killedAtMs).toBeLessThan(30_000);
  const { total } = await at.json<BillAnswer>(["bill", "--me"], user);
  expect(total.heldCoreMs).toBeGreaterThan(0);
});

test("a lease whose time is over while gleanerd is away ends by itself, billed until then", async () => {
  const program = await leasing({ ttlMs: 2_000 });
  await at.site.endDaemon("SIGKILL");
  await at.until("calls that find no way", async () =>
    Object.keys((await program.tally()).errors).length > 0 ? true : undefined,
  );
  const endedByMs = Date.now();
  await at.site.startDaemon();
  const before = succeeded(await program.tally());
  await at.until("calls through gleanerd", async () =>
    succeeded(await program.tally()) > before + 8 ? true : undefined,
  );
  // Workers have ended, which gleanerd learns from each executor.
  await at.until("gleanerd to know that the lease has ended", async () =>
    (await showLease(program.id)).state === "ENDED" ? true : undefined,
  );
  const end = await program.end();
  expect(end.wrong).toBe(0);
  expect(Object.keys(end.errors)).toEqual(["UNREACHABLE"]);
  expect(end.slowestMs).toBeLessThan(30_000);
  expect((await showLease(program.id)).reason).toMatch(noLongerKept);
  const attempts = await billedAttempts(program.id);
  expect(attempts).toHaveLength(2);
  for (const { endedAtMs } of attempts) expect(endedAtMs).toBeLessThanOrEqual(endedByMs);
});

const succeeded = ({ calls, errors }: Tally): number =>
  Object.values(errors).reduce((sum, each) => sum - each, calls);

test("MPI ranks offload half of their loops, and results are the same, also through an eviction", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glean-mpi-"));
  try {
    const programs = await MpiPrograms.build(at.site, folder);
    const bothWays = async (kernel: MpiKernel) => {
      const library = programs.library(kernel);
      const deploy = ["function", "deploy", kernel, library, "--check", "none"];
      await at.site.gleanOrThrow(deploy, { user });
      const alone = await programs.run(user, kernel, ["--tasks", "16"]);
      expect(alone).toMatchObject({ exitCode: 0, remote: 0 });
      const offload = ["--tasks", "16", "--offload", kernel];
      const offloaded = await programs.run(user, kernel, offload, async () => {});
      expect(offloaded.exitCode).toBe(0);
      expect(new Set(offloaded.results)).toEqual(new Set(alone.results));
      return alone.results;
    };
    for (const kernel of ["black-scholes", "matrix"] as const) await bothWays(kernel);
    const transported = await bothWays("transport");
    const options = ["--tasks", "16", "--offload", "transport"];
    const evicted = await programs.run(user, "transport", options, evictWorker);
    expect(evicted.exitCode).toBe(0);
    expect(new Set(evicted.results)).toEqual(new Set(transported));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Ends one worker by a batch job; resolves once another one serves in its place. */
async function evictWorker(): Promise<void> {
  const workers = async () => {
    const { leases } = await at.json<LeaseList>(["lease", "list"], user);
    return leases.flatMap((lease) => [...lease.workers]);
  };
  const before = await workers();
  const [first] = before;
  await at.site.cluster.run("srun", ["-w", first!.node, "--exclusive", "true"]);
  await at.until("as many workers to serve, without the first one", async () => {
    const names = (await workers()).map(({ worker }) => worker);
    return (names.length === before.length && !names.includes(first!.worker)) || undefined;
  });
}

test("5 MiB go to a function and back by their hash; 70 MiB are refused before anything runs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glean-large-"));
  chmodSync(folder, 0o777);
  try {
    await deploy("echo", "export default (input) => input;");
    const [input, output] = [join(folder, "input"), join(folder, "results/")];
    const bytes = randomBytes(5 * 1024 * 1024);
    writeFileSync(input, bytes);
    const asText = bytes.toString("hex").slice(0, bytes.length);
    writeFileSync(join(folder, "text"), asText);
    const answered = await invoke("echo", "--input", join(folder, "text"));
    expect(answered).toMatchObject({ exitCode: 0, stderr: "" });
    expect(answered.stdout === asText).toBe(true);
    const { stdout: json } = await invoke("echo", "--input", input, "--json");
    const { answer } = JSON.parse(json);
    expect(answer.payload).toMatchObject({ bytes: bytes.length, blob: expect.any(String) });
    rmSync(join(folder, "text"));
    const mapped = ["map", "echo", "--inputs", folder, "--output", output];
    expect(await at.site.glean(mapped, { user })).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(output, "input")).equals(bytes)).toBe(true);
    const before = await billed();
    truncateSync(input, 70 * 1024 * 1024);
    const refused = await invoke("echo", "--input", input);
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toMatch(/has 73400320 bytes and the limit of an input is 67108864/);
    expect(await billed()).toBe(before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("calls of a lease whose node is lost end on another node, where a new worker serves", async () => {
  const program = await leasing();
  const [, lost] = program.workers[0]!.split("@");
  process.kill(at.site.cluster.pids().slurmd[lost!]!, "SIGKILL");
  process.kill(at.executorPid(lost!), "SIGKILL");
  await at.until("two workers elsewhere", async () => {
    const now = await program.tally();
    const isElsewhere = now.workers.every((worker) => !worker.endsWith(`@${lost}`));
    return isElsewhere && now.workers.length === 2 ? true : undefined;
  });
  const end = await program.end();
  expect(end).toMatchObject({ wrong: 0, errors: {} });
  const attempts = await billedAttempts(program.id);
  expect(attempts.map(({ state }) => state)).toEqual(["COMPLETED", "COMPLETED"]);
});
