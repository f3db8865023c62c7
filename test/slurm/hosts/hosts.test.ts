// A site of several hosts, each with its own network, sshd and slurmd: hosts that are reachable,
// vanish, refuse, and come back.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import type { Attempt } from "../../../src/model/invocation.js";
import { makeKey } from "../../support/launch/sshd.js";
import { closedGate, type Gate } from "../../support/site/gate.js";
import { type HostSite, startHostSite } from "../../support/site/host-site.js";
import { user } from "../../support/site/site.js";

jest.setTimeout(240_000);
const cores = 4;
const nodes = ["n1", "n2", "n3"];
let all: HostSite;

beforeAll(async () => {
  all = await startHostSite({
    nodes: nodes.length,
    cpus: cores,
    ssh: { connectTimeoutMs: 2_000 },
    config: {
      poll: { intervalMs: 1_000 },
      executor: { orphanMs: 2_000 },
      functions: { defaultTimeLimitMs: 3_600_000 },
      run: { ports: [61_000, 61_009] },
    },
  });
});
afterAll(() => all?.stop());

/** The hosts' keys as they are, but for those given. */
function know(wrong: Record<string, string> = {}): void {
  const lines = nodes.map((node) => {
    const { address } = all.hosts[node]!;
    return `${address} ${wrong[node] ?? all.sshds[node]!.hostKeys.ed25519}\n`;
  });
  writeFileSync(all.knownHosts, lines.join(""));
}

const explained = (node: string, words: string) =>
  all.at.until(`"${words}" of ${node}`, async () => {
    const lines = await all.at.site.gleanOrThrow(["explain", node]);
    return lines.includes(words) ? lines : undefined;
  });

/** All three nodes full of functions that run until the gate opens. */
async function fill(name: string): Promise<{ array: string; gate: Gate }> {
  const gate = await closedGate(join(all.at.work, name));
  const tasks = `0-${nodes.length * cores - 1}`;
  const wrap = `--wrap=${gate.wait}`;
  const array = await all.at.submit(["-a", tasks, "--mem=100M", "-o", "/dev/null", wrap]);
  // Not by the cores in use: some may be those of the test before.
  await all.at.until("all tasks of the array to run", async () => {
    const states = (await all.at.invocations(array)).map(({ state }) => state);
    return states.every((state) => state === "RUNNING") || undefined;
  });
  return { array, gate };
}

const nodeOf = async (array: string) =>
  new Map((await all.at.invocations(array)).map((each) => [each.id, each.node]));

/** The attempts of those invocations of an array that a node had. */
async function attemptsOf(ids: readonly unknown[]): Promise<readonly Attempt[][]> {
  const details = await Promise.all(ids.map((id) => all.at.detail(String(id))));
  return details.map((detail) => [...detail.attempts]);
}

test("a host whose key differs from the known one is refused with a sentence; the others are used", async () => {
  know({ n3: makeKey(join(all.knownHosts, ".."), "other", "ed25519") });
  const why = await explained("n3", "presents another host key");
  const { address } = all.hosts.n3!;
  expect(why).toContain(`${address} presents another host key (ssh-ed25519 SHA256:`);
  expect(why).toContain(`than line 3 of ${all.knownHosts}`);
  await all.at.until("the other two", async () => {
    const states = (await all.at.info()).nodes.map((each) => each.executor?.state ?? null);
    return (states[0] === "ready" && states[1] === "ready") || undefined;
  });
  expect(all.sshds.n3!.logins()).toBe(0);
});

test("once its key is corrected, functions run on every host with the transferred programs", async () => {
  know();
  const { array, gate } = await fill("first.gate");
  for (const node of nodes) {
    const host = all.hosts[node]!;
    const [version] = readdirSync(host.path(all.brought));
    expect(version).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(host.path(join(all.brought, version!))).mode & 0o777).toBe(0o700);
    expect(running(node, "glean-executor")).toHaveLength(1);
    // They count as running from their order on.
    await all.at.until(
      `functions on ${node}`,
      () => supervisors(node).length === cores || undefined,
    );
  }
  await gate.open();
  expect((await all.at.ended(array)).every((each) => each.state === "COMPLETED")).toBe(true);
  const names = await all.at.submit([
    "-a",
    `1-${nodes.length}`,
    "-c",
    `${cores}`,
    "-o",
    "host-%a",
    "--wrap=hostname",
  ]);
  const ended = await all.at.ended(names);
  for (const { node, arrayTaskId } of ended)
    expect(await all.at.text(`host-${arrayTaskId}`)).toBe(`${node}\n`);
});

test("glean run gets its output from another host, over a port that the site allows", async () => {
  const words = ["run", "-w", "n2", "-n", "2", "-l", "hostname"];
  const { stdout, stderr, exitCode } = await all.at.site.glean(words, { user });
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout.trim().split("\n").toSorted()).toEqual(["0: n2", "1: n2"]);
});

test("one ssh handshake serves all commands to a host", () => {
  for (const node of ["n1", "n2"]) {
    expect(all.sshds[node]!.commands()).toBeGreaterThanOrEqual(3);
    expect(all.sshds[node]!.logins()).toBe(1);
  }
});

test("a batch job on a host evicts the functions there and nowhere else", async () => {
  const { array, gate } = await fill("evicted.gate");
  const job = await all.at.sbatch([
    "--exclusive",
    "--nodelist=n2",
    "--output=job-%j",
    "--wrap=hostname",
  ]);
  expect(await all.at.jobEnded(job)).toBe("COMPLETED");
  expect(await all.at.text(`job-${job}`)).toBe("n2\n");
  await gate.open();
  const ended = await all.at.ended(array);
  expect(ended.filter((each) => each.attempt > 1)).toHaveLength(cores);
});

test("functions on a host whose network fails end there and run again elsewhere, each recorded once", async () => {
  const { array, gate } = await fill("vanished.gate");
  const at = await nodeOf(array);
  const there = [...at].filter(([, node]) => node === "n3").map(([id]) => id);
  expect(there).toHaveLength(cores);
  const host = all.hosts.n3!;
  host.setLink("down");
  await all.at.until(
    "the end of all that was started there",
    () =>
      ["glean-executor", "glean-spawn"].every((each) => running("n3", each).length === 0) ||
      undefined,
  );
  await all.at.until("the loss of its functions", async () => {
    const attempts = await attemptsOf(there);
    return attempts.every(([first]) => first!.state === "LOST") || undefined;
  });
  await explained("n3", "cannot be reached by ssh");
  await gate.open();
  const ended = await all.at.ended(array);
  expect(ended.every((each) => each.state === "COMPLETED")).toBe(true);
  for (const attempts of await attemptsOf(there)) {
    expect(attempts.map(({ state }) => state)).toEqual(["LOST", "COMPLETED"]);
    expect(attempts[1]!.node).not.toBe("n3");
  }
  await balanced();
  host.setLink("up");
  await all.at.until(
    "an executor there again",
    async () => (await all.at.node("n3")).executor?.state === "ready" || undefined,
  );
});

test("stale results of a host that froze without network and returns late are refused", async () => {
  const { array, gate } = await fill("late.gate");
  const at = await nodeOf(array);
  const there = [...at].filter(([, node]) => node === "n2").map(([id]) => id);
  const host = all.hosts.n2!;
  const executor = running("n2", "glean-executor")[0]!.pid;
  await suspend(executor);
  host.setLink("down");
  await all.at.until("the loss of its functions", async () => {
    const attempts = await attemptsOf(there);
    return attempts.every(([first]) => first!.state === "LOST") || undefined;
  });
  await gate.open(); // also for those that the frozen executor has
  await all.at.ended(array);
  await all.at.until("the end of its functions", () => supervisors("n2").length === 0 || undefined);
  const before = await attemptsOf(there);
  host.setLink("up");
  process.kill(executor, "SIGCONT");
  const log = host.path(join(all.at.site.files.logs, "executor-n2.log"));
  await all.at.until(
    "its being sent away",
    () => readFileSync(log, "utf8").includes("gleanerd gave this executor up") || undefined,
  );
  await all.at.until(
    "another in its place",
    async () => (await all.at.node("n2")).executor?.state === "ready" || undefined,
  );
  for (const attempts of before)
    expect(attempts.map(({ state }) => state)).toEqual(["LOST", "COMPLETED"]);
  expect(await attemptsOf(there)).toEqual(before);
  await balanced();
});

test("a host that refuses connections is retried with backoff, explained, and used once it accepts them again", async () => {
  await all.sshds.n1!.stop();
  await all.at.site.gleanOrThrow(["drain", "n1", "--now"]);
  await all.at.until(
    "the executor's end",
    async () => (await all.at.node("n1")).executor === null || undefined,
  );
  const logged = readFileSync(all.at.site.files.daemonLog, "utf8").length;
  await all.at.site.gleanOrThrow(["resume", "n1"]);
  const why = await explained("n1", "ECONNREFUSED");
  expect(why).toMatch(
    /the last executor start failed \(.* port 22 cannot be reached by ssh .*the next try is in/,
  );
  const pauses = await all.at.until("three tries", () => {
    const text = readFileSync(all.at.site.files.daemonLog, "utf8").slice(logged);
    const found = [
      ...text.matchAll(/"node":"n1","detail":"[^"]*ECONNREFUSED[^"]*","pause":(\d+)/g),
    ];
    return found.length >= 3 ? found.slice(0, 3).map(([, pause]) => Number(pause)) : undefined;
  });
  expect(pauses).toEqual([1_000, 2_000, 4_000]);
  await all.startSshd("n1");
  const id = await all.at.submit(["-c", `${cores}`, "-o", "/dev/null", "--wrap=true"], user);
  await all.at.ended(id);
  await all.at.until(
    "an executor on n1",
    async () => (await all.at.node("n1")).executor?.state === "ready" || undefined,
  );
});

/**
 * Processes of a program that was brought to the host. A child that has not yet executed its own
 * program has its parent's arguments, and does not count.
 */
function running(node: string, program: string) {
  const isIt = (word = "") => word.startsWith(all.brought) && word.endsWith(`/${program}`);
  const found = all.hosts[node]!.processes().filter(({ args }) => isIt(args[0]) || isIt(args[1]));
  const pids = new Set(found.map(({ pid }) => pid));
  return found.filter(({ parentPid }) => !pids.has(parentPid));
}

/** The children of the one server of the host's executor: one for each function. */
function supervisors(node: string) {
  const servers = running(node, "glean-spawn").map(({ pid }) => pid);
  return all.hosts[node]!.processes().filter(({ parentPid }) => servers.includes(parentPid));
}

async function balanced(): Promise<void> {
  expect(await all.at.json(["bill", "--verify"])).toMatchObject({ balanced: true });
}
