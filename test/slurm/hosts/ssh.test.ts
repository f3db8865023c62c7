// Executors started over ssh by a real sshd: a node with an unknown key is not used, and a
// restarted daemon finds its own executors again.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isGone } from "../../../scripts/cluster/processes/gone.js";
import { killAndWait } from "../../support/launch/recorder.js";
import { startSshd, type TestSshd } from "../../support/launch/sshd.js";
import { closedGate } from "../../support/site/gate.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(180_000);
let folder: string;
let knownHosts: string;
let sshd: TestSshd;
let at: TestSite;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-ssh-"));
  knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, "");
  sshd = await startSshd(folder);
  const directory = join(folder, "cache");
  const ssh = { port: sshd.port, privateKey: sshd.clientKey, knownHosts, directory };
  // All nodes have the address 127.0.0.1, and none could be reached by its name.
  at = await testSite({
    nodes: 2,
    cpus: 8,
    memoryMb: 16_000,
    config: { placement: { launcher: "ssh", ssh } },
  });
});
afterAll(async () => {
  await at?.site.stop();
  await sshd?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const submitSixteen = (command: string) =>
  at.submit(["-a", "0-15", "--mem=100M", "-o", "/dev/null", `--wrap=${command}`]);

test("a node with an unknown host key is not used, and explain and doctor say what to do", async () => {
  const scan = `ssh-keyscan -p ${sshd.port} 127.0.0.1 >>${knownHosts}`;
  const explained = await at.until("the reason of n1", async () => {
    const lines = await at.site.gleanOrThrow(["explain", "n1"]);
    return lines.includes("the last executor start failed") ? lines : undefined;
  });
  expect(explained).toContain(`add it with "${scan}"`);
  const doctor = await at.site.glean(["doctor"]);
  expect(doctor.exitCode).toBe(1);
  expect(doctor.stdout).toContain(scan);
  expect(sshd.logins()).toBe(0);
  expect((await at.info()).nodes.map((node) => node.executor?.state ?? null)).not.toContain(
    "ready",
  );
});

test("once known_hosts is corrected the nodes are used, and functions run", async () => {
  writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ed25519}\n`);
  const array = await submitSixteen("true");
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
  expect(sshd.logins()).toBeGreaterThan(0);
  await at.until("a doctor that is content", async () => {
    const { exitCode } = await at.site.glean(["doctor"]);
    return exitCode === 0 || undefined;
  });
});

test("a batch job evicts the functions of its node, and they run again", async () => {
  const array = await submitSixteen("sleep 600");
  await at.usedCores(16);
  const job = await at.sbatch([
    "--exclusive",
    "--nodelist=n1",
    "--output=/dev/null",
    "--wrap=true",
  ]);
  expect(await at.jobEnded(job)).toBe("COMPLETED");
  await at.usedCores(16);
  const running = await at.invocations(array);
  expect(running.filter((each) => each.attempt > 1)).toHaveLength(8);
  await at.site.gleanOrThrow(["cancel", array], { user });
  await at.ended(array);
});

test("a daemon restarted after kill -9 adopts running executors and probes missing ones at the right address", async () => {
  const gate = await closedGate(join(at.work, "adopted.gate"));
  const array = await submitSixteen(gate.wait);
  await at.usedCores(16);
  const kept = (await at.node("n1")).executor!.id;
  await at.site.endDaemon("SIGKILL");
  await killAndWait(at.executorPid("n2"));
  await at.site.startDaemon();
  await gate.open();
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
  expect(ended.filter((each) => each.attempt === 1).map((each) => each.node)).toEqual(
    Array(8).fill("n1"),
  );
  expect((await at.node("n1")).executor!.id).toBe(kept);
  expect(ended.filter((each) => each.attempt > 1)).toHaveLength(8);
  // Who cannot ask would have waited in vain to hear of it.
  expect(readFileSync(at.site.files.daemonLog, "utf8")).toContain(
    '"node":"n2","reason":"its process exited"',
  );
  await at.until(
    "an executor on n2",
    async () => (await at.node("n2")).executor?.state === "ready" || undefined,
  );
});

test("executors stop with the daemon although their ssh sessions are gone", async () => {
  const pids = ["n1", "n2"].map((node) => at.executorPid(node));
  await sshd.dropConnections();
  expect(pids.every((pid) => existsSync(`/proc/${pid}`))).toBe(true);
  await at.site.endDaemon("SIGINT");
  await at.until("the executors' end", () => pids.every(isGone) || undefined);
});
