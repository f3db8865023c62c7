// Launches by ssh to this machine, for the launcher's tests: one sshd per file, and for each test a
// node, all of whose processes are ended.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest } from "@jest/globals";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import { createSshLauncher, type SshLauncherOptions } from "../../../src/launch/ssh/launcher.js";
import { executorId, nodeName } from "../../../src/model/ids.js";
import { killAndWait, layOutNode, type StartRecord, startRecord } from "./recorder.js";
import { startSshd, type TestSshd } from "./sshd.js";

/**
 * Each command starts the user's login shell, whose start-up files may take a while on a busy
 * machine.
 */
const testMs = 60_000;

export const address = "127.0.0.1";
export const executor = executorId("e1");

/** What a test has to launch with. */
export interface SshNode {
  readonly sshd: TestSshd;
  /** Of this test: the node's programs and folders. */
  readonly folder: string;
  /** Of a launcher that trusts the sshd and brings nothing. */
  readonly options: SshLauncherOptions;
}

export interface SshLaunches {
  launcherWith(options: SshLauncherOptions): Launcher;
  /** Starts the recorder as the executor of `node`; `folder` is where it lies. */
  launch(launcher: Launcher, node: string, input: string, folder: string): Promise<StartRecord>;
  /** The sentence with which a launch is refused. */
  refusal(launcher: Launcher, input: string): Promise<string>;
}

export function sshLaunches(give: (node: SshNode) => void): SshLaunches {
  jest.setTimeout(testMs);
  let sshdFolder: string;
  let sshd: TestSshd;
  let folder: string;
  let open: Launcher[];
  let started: number[];
  beforeAll(async () => {
    sshdFolder = mkdtempSync(join(tmpdir(), "gleaner-sshd-"));
    sshd = await startSshd(sshdFolder);
  });
  afterAll(async () => {
    await sshd?.stop();
    rmSync(sshdFolder, { recursive: true });
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gleaner-launch-"));
    [open, started] = [[], []];
    give({ sshd, folder, options: optionsFor(sshd, folder) });
  });
  afterEach(async () => {
    for (const launcher of open) await launcher.close();
    for (const pid of started) await killAndWait(pid);
    rmSync(folder, { recursive: true });
  });
  return {
    launcherWith: (options) => {
      const launcher = createSshLauncher(options);
      open.push(launcher);
      return launcher;
    },
    launch: async (launcher, node, input, programs) => {
      await launcher.launch(nodeName(node), address, executor, input);
      const record = await startRecord(programs, node);
      started.push(record.pid);
      return record;
    },
    refusal: refusalOf,
  };
}

function optionsFor(sshd: TestSshd, folder: string): SshLauncherOptions {
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, `[${address}]:${sshd.port} ${sshd.hostKeys.ed25519}\n`);
  return {
    ...layOutNode(folder),
    bundle: null,
    user: userInfo().username,
    port: sshd.port,
    privateKey: sshd.clientKey,
    knownHosts,
    connectTimeoutMs: 20_000,
    commandTimeoutMs: 20_000,
  };
}

async function refusalOf(launcher: Launcher, input: string): Promise<string> {
  const error = await launcher.launch(nodeName("n1"), address, executor, input).then(
    () => new Error("it was started"),
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ code: "LAUNCH" });
  return error.message;
}
