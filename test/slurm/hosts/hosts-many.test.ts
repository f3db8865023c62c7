// 64 hosts, each with its own network and sshd: executors are copied to all of them and started in
// parallel.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import { loadBundle } from "../../../src/launch/ssh/bundle.js";
import { createSshLauncher } from "../../../src/launch/ssh/launcher.js";
import { executorId, nodeName } from "../../../src/model/ids.js";
import { layOutNode } from "../../support/launch/recorder.js";
import { startSshd, type TestSshd } from "../../support/launch/sshd.js";
import { type Host, Network } from "../../support/site/hosts.js";

jest.setTimeout(240_000);
const count = 64;

let folder: string;
let network: Network;
const hosts: Host[] = [];
const sshds: TestSshd[] = [];
/** Of each host's own. */
let brought: string;
let launcher: Launcher;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-many-"));
  network = await Network.open();
  const base = layOutNode(folder);
  brought = join(folder, "brought");
  mkdirSync(brought);
  for (let number = 1; number <= count; number++) {
    const name = `n${number}`;
    const host = await network.addHost(name, [brought, base.runDirectory, base.logDirectory]);
    const keys = join(folder, name);
    mkdirSync(keys);
    hosts.push(host);
    const { address, enter } = host;
    sshds.push(await startSshd(keys, { address, enter, port: 22, clientKeys: folder }));
  }
  const knownHosts = join(folder, "known_hosts");
  const lines = hosts.map(({ address }, at) => `${address} ${sshds[at]!.hostKeys.ed25519}\n`);
  writeFileSync(knownHosts, lines.join(""));
  const supervisor = join(folder, "glean-spawn");
  writeFileSync(supervisor, "#!/bin/sh\n");
  const { executorProgram } = base;
  const bundle = loadBundle({ executor: executorProgram, spawn: supervisor, directory: brought });
  launcher = createSshLauncher({
    ...base,
    executorProgram: bundle.programs.executor,
    bundle,
    user: "root",
    port: 22,
    privateKey: join(folder, "client"),
    knownHosts,
    // The one that is silent at first is not to be given up, however slow the others are.
    connectTimeoutMs: 600_000,
    // Here 64 nodes share one machine's processors.
    commandTimeoutMs: 600_000,
  });
});

afterAll(async () => {
  await launcher?.close();
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Accepts connections in place of an sshd, and says nothing. */
async function listenSilently(host: Host) {
  const code = `require("net").createServer(() => console.log("connected"))
    .listen(22, "${host.address}", () => console.log("listens"))`;
  const child = host.start(process.execPath, "-e", code);
  await once(child.stdout!, "data");
  const { pid } = host.processes().find((each) => each.args[1] === "-e")!;
  return { connected: once(child.stdout!, "data"), stop: () => process.kill(pid, "SIGKILL") };
}

const idOf = (host: Host) => executorId(`${host.name}.1`);
const launch = (host: Host) =>
  launcher.launch(
    nodeName(host.name),
    host.address,
    idOf(host),
    JSON.stringify({ node: host.name }),
  );
const executorsOn = (host: Host) =>
  host.processes().filter(({ args }) => args[1]?.startsWith(`${brought}/`)).length;

test("executors start on 63 hosts while one is silent, each after one login and with the transferred programs", async () => {
  const [silent, ...others] = hosts;
  await sshds[0]!.stop();
  const listener = await listenSilently(silent!);
  let isSilent = true;
  const waited = launch(silent!).finally(() => {
    isSilent = false;
  });
  const startedAtMs = Date.now();
  await Promise.all([listener.connected, ...others.map(launch)]);
  const tookMs = Date.now() - startedAtMs;
  expect(isSilent).toBe(true);
  listener.stop();
  await expect(waited).rejects.toThrow("cannot be reached by ssh");
  for (const host of others) {
    expect(executorsOn(host)).toBe(1);
    expect(readdirSync(host.path(brought))).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  }
  expect(sshds.map((each) => each.logins())).toEqual([0, ...Array(count - 1).fill(1)]);
  process.stderr.write(
    `${others.length} hosts have what was brought and an executor: ${tookMs} ms\n`,
  );
});

test("later commands on these hosts need no further login", async () => {
  const startedAtMs = Date.now();
  const states = await Promise.all(
    hosts.map((host) => launcher.probe(nodeName(host.name), host.address, idOf(host))),
  );
  process.stderr.write(`${count} probes: ${Date.now() - startedAtMs} ms\n`);
  // The mark is not where that of an executor is.
  expect(states).toEqual(["unknown", ...Array(count - 1).fill("gone")]);
  expect(sshds.map((each) => each.logins())).toEqual([0, ...Array(count - 1).fill(1)]);
});

test("a folder that is mounted noexec is named", async () => {
  const host = hosts[2];
  host!.run("rm", "-r", ...readdirSync(host!.path(brought)).map((name) => join(brought, name)));
  host!.run("mount", "-o", "remount,noexec", brought);
  await expect(launch(host!)).rejects.toThrow(
    `${brought} cannot be run there, since it is mounted noexec`,
  );
  expect(readdirSync(host!.path(brought))).toEqual([]);
});

test("a host whose disk is full is reported and keeps no partial files", async () => {
  const host = hosts[1]!;
  host.run("rm", "-r", ...readdirSync(host.path(brought)).map((name) => join(brought, name)));
  host.run("mount", "-o", "remount,size=4k", brought);
  await expect(launch(host)).rejects.toThrow("No space left on device");
  expect(readdirSync(host.path(brought))).toEqual([]);
});

test("hosts exit with the test that started them, however it ends", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "test/support/site/hosts-child.ts"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  const made = JSON.parse(line.toString()) as { interface: string; pids: number[] };
  expect(made.pids.length).toBeGreaterThan(1);
  expect(networkInterfaces()).toHaveProperty([made.interface]);
  child.kill("SIGKILL");
  const isGone = () =>
    networkInterfaces()[made.interface] === undefined &&
    made.pids.every((pid) => !existsSync(`/proc/${pid}`));
  while (!isGone()) await new Promise((resolve) => setTimeout(resolve, 10));
});
