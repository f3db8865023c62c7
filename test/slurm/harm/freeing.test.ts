// A node full of functions that fork and mount, under a load of 50, its executor running or
// stopped: a job finds no function there.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import type { Utilization } from "../../../src/model/records/utilization.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(600_000);
const cpus = 4;
const load = 50;
/** Whom a killed test leaves behind ends by itself. */
const lifeSeconds = 120;

const functions = {
  "are busy": "while :; do :; done",
  fork: `exec perl -e 'my $end = time + ${lifeSeconds};
    while (time < $end) { my $child = fork; exit 0 if defined $child && !$child && rand() < 0.5 }'`,
  mount: `exec unshare -Urm /bin/sh -c 'while :; do
    mount -t tmpfs none /dev/shm; mount -t tmpfs none /dev/shm; umount /dev/shm; done'`,
} as const;
type Kind = keyof typeof functions;

let at: TestSite;
let loops: ChildProcess[] = [];

beforeAll(async () => {
  at = await testSite({ nodes: 1, cpus, memoryMb: 4_000 });
  // Whether the node is freed in time is measured by `scripts/bench freeing`; here only whether it
  // is freed.
  appendFileSync(at.site.files.program("hook.conf"), "\ndeadlineMs=120000\n");
  const busy = ["-c", "while kill -0 $PPID; do :; done"];
  loops = Array.from({ length: load }, () =>
    spawn("/bin/sh", busy, { stdio: "ignore", detached: true }),
  );
});
afterEach(async () => {
  await at.site.gleanOrThrow(["cancel", "--user", user]);
});
afterAll(async () => {
  for (const loop of loops) loop.kill("SIGKILL");
  await at?.site.stop();
});

/** Fills the node; who runs there, and the cgroup that holds all functions. */
async function fill(kind: Kind): Promise<{ executor: number; work: string }> {
  const limits = ["-c1", "--mem=500M", "-o", "/dev/null", "--time", "10"];
  const tasks = ["-a", `0-${cpus - 1}`];
  const id = await at.submit([...tasks, ...limits, "--wrap", functions[kind]]);
  await at.runs(id);
  const mark = readFileSync(join(at.site.files.run, "n1", "executor.pid"), "utf8");
  const work = join(dirname(/^kill=(.+)$/m.exec(mark)![1]!), "work");
  // Beside this load, their processes come a while after their orders.
  await at.until("processes of functions", () =>
    readFileSync(join(work, "cgroup.events"), "utf8").includes("populated 1") ? true : undefined,
  );
  return { executor: Number(/^pid=(\d+)$/m.exec(mark)![1]), work };
}

/** What a job on all cores sees of the functions at its first instruction. */
async function seenByJob(work: string, name: string): Promise<string> {
  const look = `grep -s populated ${work}/cgroup.events || echo gone`;
  const job = await at.sbatch([`-c${cpus}`, "--exclusive", "-o", name, `--wrap=${look}`]);
  expect(await at.jobEnded(job)).toBe("COMPLETED");
  return (await at.text(name)).trim();
}

const cases = (Object.keys(functions) as Kind[]).flatMap((kind) =>
  (["running", "stopped"] as const).map((executor) => ({ kind, executor })),
);
test.each(cases)("functions that $kind are gone, the executor $executor", async (given) => {
  const { executor, work } = await fill(given.kind);
  if (given.executor === "stopped") await suspend(executor);
  const seen = await seenByJob(work, `${given.kind} ${given.executor}`.replaceAll(" ", "-"));
  expect(["gone", "populated 0"]).toContain(seen);
  const report = await at.json<Utilization>(["report", "utilization"]);
  expect(report.violations ?? []).toEqual([]);
});
