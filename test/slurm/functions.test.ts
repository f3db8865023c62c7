// Commands as functions, from their users' view: identity, files, limits, cancelling, bills, and
// what others may not do.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { suspend } from "../../scripts/cluster/processes/suspend.js";
import { closedGate } from "../support/site/gate.js";
import { otherUser, type TestSite, testSite, user } from "../support/site/site.js";

jest.setTimeout(120_000);
let at: TestSite;
/** No other test on this machine sleeps exactly so long. */
const seconds = 100_000 + process.pid;

beforeAll(async () => {
  at = await testSite({
    nodes: 1,
    cpus: 8,
    memoryMb: 16_000,
    config: { functions: { killWaitMs: 500 } },
  });
});
afterAll(() => at?.site.stop());

/** Named in docs/guide/submitting.md; SLURM_CONF is that of the shell. */
const withReasons = [
  ...["QOS", "ACCOUNT", "RESERVATION", "GROUP"].map((name) => `SLURM_JOB_${name}`),
  ...["TOPOLOGY_ADDR", "TOPOLOGY_ADDR_PATTERN", "TASK_PID", "WORKING_CLUSTER"].map(
    (name) => `SLURM_${name}`,
  ),
  ...["SLURM_PRIO_PROCESS", "SLURM_CONF", "SLURM_MEM_PER_CPU", "SLURM_NODE_ALIASES"],
];

function script(name: string, text: string): string {
  const path = join(at.work, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

const run = async (args: string[], as = user) => (await at.ended(await at.submit(args, as)))[0]!;

describe("a function runs", () => {
  test("as its user with supplementary groups, in its directory, with its environment", async () => {
    const folder = join(at.work, "home");
    mkdirSync(folder);
    chmodSync(folder, 0o1777);
    const ended = await run([
      "-D",
      folder,
      "-J",
      "who",
      "-o",
      "out.%x.%j",
      "--export=PATH,WORD=a b",
      "--wrap=id -u; id -G; pwd; echo $WORD $SLURM_JOB_ID $GLEANER_ATTEMPT; env | wc -l",
    ]);
    expect(ended.state).toBe("COMPLETED");
    const file = join(folder, `out.who.${ended.id}`);
    const [uid, groups, directory, words] = readFileSync(file, "utf8").split("\n");
    const id = (flag: string) => execFileSync("id", [flag, user], { encoding: "utf8" }).trim();
    expect([uid, groups, directory]).toEqual([id("-u"), id("-G"), folder]);
    expect(words).toBe(`a b ${ended.id} 1`);
    expect(statSync(file).uid).toBe(Number(id("-u")));
  });

  test("with separate files, arguments, array numbers and exit codes", async () => {
    const path = script(
      "task.sh",
      '#!/bin/sh\n#SBATCH --array=3-5:2\n#GLEAN -o o.%A_%a -e e.%A_%a\necho "out $1 $SLURM_ARRAY_TASK_ID $GLEANER_ARRAY_JOB_ID"; echo err >&2; exit $SLURM_ARRAY_TASK_ID\n',
    );
    const id = await at.submit([path, "word"]);
    const tasks = await at.ended(id);
    expect(tasks.map(({ arrayTaskId, state, exitCode }) => [arrayTaskId, state, exitCode])).toEqual(
      [
        [3, "FAILED", 3],
        [5, "FAILED", 5],
      ],
    );
    expect(readFileSync(join(at.work, `o.${id}_5`), "utf8")).toBe(`out word 5 ${id}\n`);
    expect(readFileSync(join(at.work, `e.${id}_3`), "utf8")).toBe("err\n");
  });

  test("with the variables of sbatch, except those that have a reason", async () => {
    const options = ["-n", "2", "-c", "2", "--array=4-8:2", "-W", "--wrap=env"];
    const files = { sbatch: join(at.work, "sbatch-env"), glean: join(at.work, "glean-env") };
    await at.site.cluster.run("sbatch", [...options, "-o", files.sbatch]);
    await at.site.glean(["batch", ...options, "-o", files.glean], { user });
    const [slurms, ours] = [files.sbatch, files.glean].map((file) =>
      [...readFileSync(file, "utf8").matchAll(/^(SLURM_\w+|ENVIRONMENT)=/gm)].map(
        ([, name]) => name!,
      ),
    );
    const missing = new Set(slurms!.filter((name) => !ours!.includes(name)));
    expect([...missing].filter((name) => !withReasons.includes(name))).toEqual([]);
    expect(slurms!.length).toBeGreaterThan(30);
  });

  test("and --wait exits with the highest exit code", async () => {
    const waited = await at.site.glean(
      ["batch", "-W", "-o", "/dev/null", "-a", "0-2", "--wrap=exit $SLURM_ARRAY_TASK_ID"],
      { user },
    );
    expect(waited.exitCode).toBe(2);
  });

  test("within its time limit, and is killed with its whole process tree after it", async () => {
    const ended = await run([
      "-t",
      "1s",
      "-o",
      "late.%j",
      `--wrap=trap '' TERM; setsid sleep ${seconds} & sleep ${seconds}`,
    ]);
    expect(ended.state).toBe("TIMEOUT");
    expect(readFileSync(join(at.work, `late.${ended.id}`), "utf8")).toMatch(
      new RegExp(
        `^gleaner: error: \\*{3} JOB ${ended.id} ON ${ended.node} CANCELLED AT \\S{19} DUE TO TIME LIMIT \\*{3}\\n$`,
      ),
    );
    expect(sleepers()).toEqual([]);
  });

  test("until a limit that was lowered while it ran", async () => {
    const id = await at.submit([
      "-t",
      "10:00",
      "-D",
      at.work,
      "-o",
      "up.%j",
      "--wrap=echo up; sleep 600",
    ]);
    const output = join(at.work, `up.${id}`);
    await at.until("its output", () => existsSync(output) || undefined);
    const update = (change: string) => at.site.glean(["update", id, change], { user });
    expect((await update("TimeLimit=+1")).stderr).toMatch(/runs, and only an operator may raise/);
    expect(await update("TimeLimit=00:01")).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await at.ended(id))[0]).toMatchObject({ state: "TIMEOUT", timeLimitMs: 1_000 });
  });

  test("within its memory limit", async () => {
    const hog = script("hog.sh", "#!/bin/sh\nx=xxxxxxxxxxxxxxxx\nwhile true; do x=$x$x; done\n");
    const ended = await run(["--mem=40M", "-o", "/dev/null", hog]);
    expect(ended.state).toBe("OUT_OF_MEMORY");
  });

  test("until it is cancelled, with children that try to hide", async () => {
    const id = await at.submit([
      "-o",
      "/dev/null",
      `--wrap=(setsid sleep ${seconds} &) ; sleep ${seconds}`,
    ]);
    await at.until("the sleepers", () => sleepers().length === 2 || undefined);
    await at.site.gleanOrThrow(["cancel", id], { user });
    expect((await at.ended(id))[0]!.state).toBe("CANCELLED");
    expect(sleepers()).toEqual([]);
  });

  test("or reports in one sentence why it could not run", async () => {
    const missing = await run(["-D", "/no/such/folder", "-o", "/dev/null", "--wrap=true"]);
    expect(missing).toMatchObject({ state: "FAILED" });
    expect(missing.reason).toContain("/no/such/folder");
    const unwritable = await run(["-o", "/root/forbidden.out", "--wrap=true"]);
    expect(unwritable.reason).toContain("/root/forbidden.out");
    const interpreter = await run([script("odd.sh", "#!/no/such/interpreter\n"), "-o"].slice(0, 1));
    expect(interpreter).toMatchObject({ state: "FAILED", exitCode: 2 });
    expect(interpreter.reason).toMatch(/\/no\/such\/interpreter|interpreter/);
  });
});

describe("another user", () => {
  test("cannot see, cancel or bill it", async () => {
    const id = await at.submit(["-o", "/dev/null", "--wrap=sleep 600"]);
    const foreign = (args: string[]) => at.site.glean(args, { user: otherUser });
    const cancelled = await foreign(["cancel", id]);
    expect(cancelled.exitCode).toBe(1);
    expect(cancelled.stderr).toContain("belongs to another user");
    expect((await foreign(["show", id])).stderr).toContain("belongs to another user");
    expect(JSON.parse((await foreign(["queue", "--json"])).stdout)).toMatchObject({
      invocations: [],
    });
    expect(JSON.parse((await foreign(["bill", "--json"])).stdout)).toMatchObject({ lines: [] });
    expect((await foreign(["bill", "-u", user])).stderr).toContain("may not see the bill");
    expect((await foreign(["drain", "n1"])).stderr).toContain("operator");
    expect((await at.invocations(id))[0]!.state).not.toBe("CANCELLED");
    await at.site.gleanOrThrow(["cancel", id]);
    expect((await at.ended(id))[0]!.state).toBe("CANCELLED");
  });

  test("root may not submit unless the site allows it", async () => {
    const refused = await at.site.glean(["batch", "--wrap=true"], { user: "root" });
    expect(refused.stderr).toContain("access.allowRootFunctions");
    expect(refused.exitCode).toBe(1);
  });

  test("a request without an identity is refused", async () => {
    const base = `http://127.0.0.1:${at.site.ports.apiPort}/v1`;
    for (const headers of [
      {},
      { authorization: "Bearer forged.token" },
      { authorization: "Basic cm9vdDo=" },
    ]) {
      const answer = await fetch(`${base}/invocations`, { headers });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: { code: "NOT_IDENTIFIED" } });
    }
    const forged = await fetch(`${base}/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ credential: "MUNGE:AAAA:" }),
    });
    expect(forged.status).toBe(401);
  });
});

describe("bad input gets one clear sentence", () => {
  test.each<[string, string[], RegExp]>([
    [
      "an impossible size",
      ["-c", "99", "--wrap=true"],
      /the request is for 99 cores, but the largest node has 8/,
    ],
    ["an impossible memory", ["--mem=900G", "--wrap=true"], /largest node can offer/],
    ["an impossible time", ["-t", "9-00", "--wrap=true"], /functions\.maxTimeLimitMs/],
    ["no command", [], /./],
  ])("%s", async (_, args, sentence) => {
    const refused = await at.site.glean(["batch", ...args], { user });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toMatch(sentence);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a malformed script and a bad directive", async () => {
    const noInterpreter = script("no-interpreter.sh", "echo hi\n");
    const bad = script("bad.sh", "#!/bin/sh\n#GLEAN --cpus-per-taks=2\necho hi\n");
    const first = await at.site.glean(["batch", noInterpreter], { user });
    expect(first.stderr).toMatch(/does not look like a batch script/);
    const second = await at.site.glean(["batch", bad], { user });
    expect(second.stderr).toMatch(/bad\.sh:2.*cpus-per-task/);
  });
});

test("bill, acct, queue, explain and report agree with what ran", async () => {
  const bill = await at.json<{
    total: { coreMs: number; amountMicroCredits: number; invocations: number };
  }>(["bill"]);
  expect(bill.total.coreMs).toBeGreaterThan(0);
  expect(await at.json(["bill", "--verify"])).toMatchObject({ balanced: true });
  const wide = await at.submit(["-c", "8", "-o", "/dev/null", "--wrap=sleep 600"]);
  const waiting = await at.submit(["-c", "8", "-o", "/dev/null", "--wrap=true"]);
  await at.runs(wide);
  expect(await at.site.gleanOrThrow(["explain", waiting], { user })).toContain("busy");
  expect(await at.site.gleanOrThrow(["queue"], { user })).toContain(waiting);
  await at.site.gleanOrThrow(["cancel", wide, waiting], { user });
  const report = await at.json<{ idleCoreMs: number; coverage: number }>(["report", "utilization"]);
  expect(report.idleCoreMs).toBeGreaterThan(0);
  expect(report.coverage).toBeGreaterThan(0);
  expect(report.coverage).toBeLessThanOrEqual(1);
});

test("drain lets work end, drain --now returns it to the queue, and resume restarts it", async () => {
  const gate = await closedGate(join(at.work, "drain.gate"));
  const id = await at.submit(["-o", "/dev/null", `--wrap=${gate.wait}`]);
  await at.runs(id);
  await at.site.gleanOrThrow(["drain", "n1"]);
  await gate.open();
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", attempt: 1 });
  await at.until(
    "the executor's end",
    async () => (await at.node("n1")).executor === null || undefined,
  );
  expect((await at.node("n1")).drainedBy).toBe("root");
  const gateNow = await closedGate(join(at.work, "drain-now.gate"));
  const waits = await at.submit(["-o", "/dev/null", `--wrap=${gateNow.wait}`]);
  await at.site.gleanOrThrow(["resume", "n1"]);
  await at.runs(waits);
  await at.site.gleanOrThrow(["drain", "all", "--now"]);
  await at.until(
    "no process of Gleaner",
    () => readdirSync(join(at.site.files.run, "n1")).includes("hook.sock") === false || undefined,
  );
  expect(await at.site.gleanOrThrow(["explain", waits], { user })).toContain("drained");
  await gateNow.open();
  await at.site.gleanOrThrow(["resume", "all"]);
  expect((await at.ended(waits))[0]).toMatchObject({ state: "COMPLETED" });
});

test("an executor that is disconnected during drain --now is evicted as soon as it reconnects", async () => {
  const gate = await closedGate(join(at.work, "away.gate"));
  const id = await at.submit(["-o", "/dev/null", `--wrap=${gate.wait}`]);
  await at.runs(id);
  const pid = at.executorPid("n1");
  await suspend(pid);
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  await at.until("the node", async () => (await at.info()).nodes.length > 0 || undefined);
  await at.site.gleanOrThrow(["drain", "n1", "--now"]);
  expect((await at.invocations(id))[0]).toMatchObject({ state: "RUNNING" });
  process.kill(pid, "SIGCONT");
  await at.until("its eviction", async () => {
    const { attempts } = await at.detail(id);
    return attempts[0]!.state === "EVICTED" || undefined;
  });
  await gate.open();
  await at.site.gleanOrThrow(["resume", "n1"]);
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", attempt: 2 });
});

test("doctor reports no problem", async () => {
  await at.until(
    "an executor",
    async () => (await at.node("n1")).executor?.state === "ready" || undefined,
  );
  const doctor = await at.site.glean(["doctor"]);
  expect(doctor.stdout).not.toContain("failed");
  expect(doctor.exitCode).toBe(0);
});

/** Processes that sleep for our own number of seconds. */
function sleepers(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [program, time] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return program === "sleep" && time === String(seconds);
      } catch {
        return false; // it ended meanwhile
      }
    });
}
