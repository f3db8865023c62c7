// The Spawner with a real glean-spawn: the session of an attempt, many at once, and how attempts
// end when a process of glean-spawn is killed.

import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { processGroups } from "../../../../src/executor/containment/process-groups.js";
import { startTicksOf } from "../../../../src/executor/node/processes.js";
import type { ProcessEnd, RunHandle } from "../../../../src/executor/runtimes/runtime.js";
import { Spawner } from "../../../../src/executor/runtimes/spawner.js";
import { noIsolation } from "../../../../src/wire/isolation.js";
import { until } from "../../../support/executor/executor.js";
import { attemptOrder } from "../../../support/executor/orders.js";
import { makePlugin, pluginFolder } from "../../../support/executor/plugin.js";

const uid = process.geteuid!() === 0 ? 65_534 : process.geteuid!();
const gid = process.geteuid!() === 0 ? 65_534 : process.getegid!();
const program = join(pluginFolder, "glean-spawn");

let folder: string;
let spawner: Spawner;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "glean-spawner-"));
  chmodSync(folder, 0o777);
  spawner = new Spawner(program);
});
afterEach(async () => {
  await spawner.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly handle: RunHandle;
  readonly started: Promise<void>;
  readonly ended: Promise<ProcessEnd>;
}

function start(script: string, output = "/dev/null"): Run {
  const order = attemptOrder({
    uid,
    gid,
    user: "none",
    stdoutPath: output,
    environment: { PATH: "/usr/bin:/bin" },
  });
  const command = { kind: "argv", argv: ["sh", "-c", script] } as const;
  const group = processGroups.openGroup("1.1", { cores: 1, memoryMb: 100, gpus: [] });
  let onStarted = () => {};
  let onEnd: (end: ProcessEnd) => void = () => {};
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  const ended = new Promise<ProcessEnd>((resolve) => {
    onEnd = resolve;
  });
  const work = { ...order, command, isolation: noIsolation };
  return { handle: spawner.start(work, group, { onStarted, onEnd }), started, ended };
}

/** Of a line of /proc/PID/stat whose program has a name without blanks. */
function placeOf(line: string) {
  const [pid, , , parent, group, session] = line.split(" ");
  return { pid, parent, group, session };
}

const statOf = (pid: number | string) => placeOf(readFileSync(`/proc/${pid}/stat`, "utf8"));

/** A command that sleeps, and the pids of its tree. */
async function startSleeper(name: string) {
  const output = join(folder, name);
  const run = start("echo $$; exec sleep 1000", output);
  await run.started;
  const said = () => readFileSync(output, "utf8").trim();
  await until(() => said() !== ""); // it has begun, but may not have written yet
  const { pid } = statOf(said());
  const supervisor = Number(statOf(pid!).parent);
  return { ...run, pid: Number(pid), supervisor, server: Number(statOf(supervisor).parent) };
}

/** glean-spawn as a user who is not root starts it. */
function programOfUser(before = ""): string {
  const supervisor = join(folder, "glean-spawn");
  copyFileSync(program, supervisor);
  const asUser = join(folder, "as-user");
  const become = `setpriv --reuid ${uid} --regid ${gid} --clear-groups`;
  writeFileSync(asUser, `#!/bin/sh\nexec ${before} ${become} ${supervisor}\n`, { mode: 0o755 });
  return asUser;
}

describe("an attempt", () => {
  test.each([
    ["shares the session of its executor", true],
    ["has a session of its own, and so have its supervisor and the server", false],
  ])("%s", async (_, shares) => {
    spawner = new Spawner(program, shares);
    const { pid, supervisor, server, handle, ended } = await startSleeper("out");
    const ours = statOf("self");
    expect(statOf(pid).group).toBe(String(pid));
    for (const each of [pid, supervisor, server])
      expect(statOf(each).session).toBe(shares ? ours.session : String(each));
    handle.kill();
    expect(await ended).toMatchObject({ kind: "ended", exitCode: 0, signal: 9 });
  });

  test("cannot look into its supervisor or the server, even when all are the same user's", async () => {
    spawner = new Spawner(programOfUser(), true);
    const run = start(`cat /proc/$$/maps >/dev/null || exit 1
server=$(cut -d' ' -f4 /proc/$PPID/stat)
for each in $PPID $server; do cat /proc/$each/maps 2>/dev/null && exit 2; done; exit 0`);
    expect(await run.ended).toMatchObject({ kind: "ended", exitCode: 0, signal: 0 });
  });

  test("runs as nice as the executor of a user, where it cannot be less nice", async () => {
    spawner = new Spawner(programOfUser("nice -n 7"), true);
    const output = join(folder, "nice");
    const run = start("nice", output);
    expect(await run.ended).toMatchObject({ kind: "ended", exitCode: 0, signal: 0 });
    expect(Number(readFileSync(output, "utf8"))).toBeGreaterThanOrEqual(7);
  });

  test("is asked to end by SIGTERM", async () => {
    const { handle, ended } = await startSleeper("out");
    handle.terminate("CANCELLED");
    expect(await ended).toMatchObject({ kind: "ended", signal: 15 });
    handle.kill(); // it is gone: nothing happens
  });

  test("fails to start if the program is missing", async () => {
    spawner = new Spawner(join(folder, "no-such-program"));
    for (const run of [start("exit 0"), start("exit 0")])
      expect(await run.ended).toMatchObject({ kind: "failed", stage: "start", errno: 2 });
    expect(await start("exit 0").ended).toMatchObject({ kind: "failed", stage: "start" });
    // As without memory for another process, its start throws.
    spawner = new Spawner("/etc/passwd/glean-spawn");
    const { ended } = start("exit 0");
    expect(await ended).toMatchObject({ kind: "failed", stage: "start", errno: 20 });
  });
});

describe("200 attempts at once", () => {
  test("all end as they should, under one server", async () => {
    const runs = Array.from({ length: 200 }, (_, index) => start(`exit ${index % 100}`));
    for (const [index, run] of runs.entries())
      expect(await run.ended).toMatchObject({ kind: "ended", exitCode: index % 100, signal: 0 });
  }, 60_000);
});

describe("when a process is killed:", () => {
  test("attempts of a killed server vanish with all processes, and the next one runs", async () => {
    const sleepers = [await startSleeper("one"), await startSleeper("two")];
    const { server } = sleepers[0]!;
    expect(sleepers[1]!.server).toBe(server);
    process.kill(server, "SIGKILL");
    for (const { ended, pid, supervisor } of sleepers) {
      const message = "glean-spawn ended without a report (SIGKILL)";
      expect(await ended).toEqual({ kind: "vanished", message });
      await until(() => [pid, supervisor].every((each) => startTicksOf(each) === null));
    }
    expect(await start("exit 4").ended).toMatchObject({ kind: "ended", exitCode: 4 });
  });

  test("the attempt of a killed supervisor vanishes, and others run on", async () => {
    const [one, two] = [await startSleeper("one"), await startSleeper("two")];
    process.kill(one!.supervisor, "SIGKILL");
    expect(await one!.ended).toEqual({
      kind: "vanished",
      message: "glean-spawn ended without a report (signal 9)",
    });
    two!.handle.terminate("CANCELLED");
    expect(await two!.ended).toMatchObject({ kind: "ended", signal: 15 });
  });

  test("server and supervisors together, no command remains", async () => {
    const { ended, pid, supervisor, server } = await startSleeper("one");
    // In this order, because a supervisor ends with its server.
    for (const each of [supervisor, server]) process.kill(each, "SIGKILL");
    expect((await ended).kind).toBe("vanished");
    await until(() => startTicksOf(pid) === null);
  });
});

test("closing ends all processes", async () => {
  const { ended, pid, supervisor, server } = await startSleeper("out");
  await spawner.close();
  expect((await ended).kind).toBe("vanished");
  await until(() => [pid, supervisor, server].every((each) => startTicksOf(each) === null));
});
