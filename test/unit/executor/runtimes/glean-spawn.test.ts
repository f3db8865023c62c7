// The session in which an attempt runs: if its executor cannot give a session a lower weight than
// its own, all attempts stay in one.

import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { processGroups } from "../../../../src/executor/containment/process-groups.js";
import { spawnAttempt } from "../../../../src/executor/runtimes/glean-spawn.js";
import type { ProcessEnd } from "../../../../src/executor/runtimes/runtime.js";
import { invocationId } from "../../../../src/model/ids.js";
import { noIsolation } from "../../../../src/wire/isolation.js";
import { makePlugin, pluginFolder } from "../../../support/executor/plugin.js";

const uid = process.geteuid!() === 0 ? 65_534 : process.geteuid!();
const gid = process.geteuid!() === 0 ? 65_534 : process.getegid!();

let folder: string;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-session-"));
  chmodSync(folder, 0o777);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const order = () => ({
  invocation: invocationId(1),
  attempt: 1,
  uid,
  gid,
  user: "none",
  cores: 1,
  memoryMb: 100,
  gpus: 0,
  timeLimitMs: 60_000,
  workingDirectory: "/",
  stdoutPath: join(folder, "out"),
  stderrPath: "/dev/null",
  environment: { PATH: "/usr/bin:/bin" },
  command: {
    kind: "argv" as const,
    argv: ["sh", "-c", "cat /proc/$$/stat /proc/$PPID/stat"],
  },
  notice: null,
  checkpointDirectory: null,
});

/** Of a line of /proc/PID/stat whose program has a name without blanks. */
function placeOf(line: string) {
  const [pid, , , , group, session] = line.split(" ");
  return { pid, group, session };
}

test.each([
  ["shares the session of its executor", true],
  ["has a session of its own, and so has its supervisor", false],
])("an attempt %s", async (_, shares) => {
  const program = join(pluginFolder, "glean-spawn");
  const end = await new Promise<ProcessEnd>((onEnd) => {
    const group = processGroups.openGroup("1.1", { cores: 1, memoryMb: 100, gpus: [] });
    const work = { ...order(), isolation: noIsolation };
    spawnAttempt(program, work, group, { onStarted: () => {}, onEnd }, shares);
  });
  expect(end).toMatchObject({ kind: "ended", exitCode: 0 });
  const [command, supervisor] = readFileSync(join(folder, "out"), "utf8").split("\n").map(placeOf);
  const ours = placeOf(readFileSync("/proc/self/stat", "utf8"));
  expect(command!.group).toBe(command!.pid);
  expect(command!.session).toBe(shares ? ours.session : command!.pid);
  expect(supervisor!.session).toBe(shares ? ours.session : supervisor!.pid);
});

test("an attempt cannot look into its supervisor, even when both are the same user's", async () => {
  const supervisor = join(folder, "glean-spawn");
  copyFileSync(join(pluginFolder, "glean-spawn"), supervisor);
  const program = join(folder, "as-user");
  const become = `setpriv --reuid ${uid} --regid ${gid} --clear-groups`;
  writeFileSync(program, `#!/bin/sh\nexec ${become} ${supervisor}\n`, { mode: 0o755 });
  chmodSync(folder, 0o777);
  const look = "cat /proc/$$/maps >/dev/null && ! cat /proc/$PPID/maps 2>/dev/null";
  const end = await new Promise<ProcessEnd>((onEnd) => {
    const group = processGroups.openGroup("1.1", { cores: 1, memoryMb: 100, gpus: [] });
    const command = { kind: "argv", argv: ["sh", "-c", look] } as const;
    const work = { ...order(), command, isolation: noIsolation };
    spawnAttempt(program, work, group, { onStarted: () => {}, onEnd }, true);
  });
  expect(end).toMatchObject({ kind: "ended", exitCode: 0 });
});
