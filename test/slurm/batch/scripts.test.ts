// Scripts and tools that were written for sbatch, on real Slurm nodes, through Slurm's names: what
// they say of dependencies, holds, limits and nodes holds, and srun starts their steps.

import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { ensureInstalled } from "../../../scripts/cluster/programs.js";
import { until } from "../../support/executor/executor.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

const execute = promisify(execFile);
jest.setTimeout(180_000);

let at: TestSite;
let names: string;

const gres = { countedGres: { nvme: 2 }, gpusPerNode: 2, gpuTypes: ["a100"] };

/** Packages may have to be downloaded. */
const preparationLimitMs = 300_000;
beforeAll(async () => {
  await ensureInstalled(["/usr/lib/python3/dist-packages/pip=python3-pip"]);
  at = await testSite({ nodes: 2, cpus: 8, memoryMb: 16_000, ...gres });
  names = join(at.work, "names");
  mkdirSync(names);
  chmodSync(names, 0o1777);
  await at.site.gleanOrThrow(["install-aliases", names], { user });
}, preparationLimitMs);
afterAll(() => at?.site.stop());

/** Runs a line of shell as a user who has the names first in PATH. */
async function shell(line: string): Promise<string> {
  const config = join(at.site.cluster.dir, "gleaner/gleaner.yaml");
  const exports = `export PATH=${names}:$PATH HOME=${at.work} GLEANER_CONF=${config}`;
  const command = ["-c", `cd ${at.work}; ${exports}; ${line}`];
  const result = await at.site.cluster.run("/bin/bash", command, { user, timeoutMs: 120_000 });
  if (result.exitCode !== 0) throw new Error(`${line}: ${result.stderr}`);
  return result.stdout;
}

function script(name: string, ...lines: string[]): void {
  writeFileSync(join(at.work, name), `#!/bin/bash\n${lines.join("\n")}\n`);
}

const written = (name: string): string[] =>
  readFileSync(join(at.work, name), "utf8").trim().split("\n");

test("a chain of scripts runs in its order, and what can never start says so", async () => {
  script("ok.sh", "#SBATCH -o chain.log --open-mode=append", "sleep 0.5; echo $1");
  script("bad.sh", "#SBATCH -o /dev/null", "exit 3");
  const chain = [
    "A=$(sbatch --parsable ok.sh first)",
    "B=$(sbatch --parsable -d afterok:$A ok.sh second)",
    "C=$(sbatch --parsable bad.sh)",
    "D=$(sbatch --parsable -d afterok:$C --kill-on-invalid-dep=yes ok.sh never)",
    "sbatch -W -d afterany:$B,afternotok:$C ok.sh third >/dev/null",
    'sacct -n -X -P -o state -j "$D"; squeue -h -j "$B" -o %t -t all',
  ];
  expect((await shell(chain.join("\n"))).split("\n")[1]).toBe("CD");
  expect(written("chain.log")).toEqual(["first", "second", "third"]);
});

test("a held array starts when it is released, no more tasks at once than it may", async () => {
  script(
    "task.sh",
    "#SBATCH --array=1-4%1 --hold --exclude=n2",
    "#SBATCH -o array.log --open-mode=append",
    "echo + $SLURMD_NODENAME; sleep 0.2; echo -",
  );
  const id = (await shell("sbatch --parsable task.sh")).trim();
  expect(await shell(`squeue -h -j ${id} -o '%i %t %r'`)).toBe(`${id}_[1-4%1] PD JobHeldUser\n`);
  await shell(`scontrol release ${id}`);
  await at.ended(id);
  expect(written("array.log")).toEqual(Array.from({ length: 4 }, () => ["+ n1", "-"]).flat());
});

test("a task has a TMPDIR of its own that is gone with it, is held alone, and is retried", async () => {
  script(
    "tries.sh",
    "#SBATCH -a 1-2%1 -o tries.log --open-mode=append --tmp=1M",
    "#GLEAN --retries=2",
    "while [ ! -e go ]; do sleep 0.1; done",
    "mkdir -p $TMPDIR/a && chmod 0 $TMPDIR/a",
    "echo $SLURM_ARRAY_TASK_ID:$SLURM_RESTART_COUNT $TMPDIR",
    '[ $SLURM_ARRAY_TASK_ID = 2 ] || [ -n "$SLURM_RESTART_COUNT" ]',
  );
  const id = (await shell("sbatch --parsable tries.sh")).trim();
  await shell(`scontrol hold ${id}_2; touch go`);
  await at.ended(`${id}_1`);
  expect(await shell(`squeue -h -j ${id} -o '%i %r'`)).toBe(`${id}_2 JobHeldUser\n`);
  await shell(`scontrol release ${id}_2`);
  await at.ended(id);
  const lines = written("tries.log").map((line) => line.split(" "));
  expect(lines.map(([task]) => task)).toEqual(["1:", "1:1", "2:"]);
  expect(new Set(lines.map(([, folder]) => folder)).size).toBe(3);
  expect(lines.filter(([, folder]) => existsSync(folder!))).toEqual([]);
});

test("srun starts the steps of a script, also in a login shell", async () => {
  writeFileSync(
    join(at.work, "steps.sh"),
    "#!/bin/bash -l\n#SBATCH -n 2 -o steps.log\nsrun --mpi=none -l echo $SLURM_JOB_ID | sort\nsrun -n1 true && echo done\n",
  );
  const id = (await shell("sbatch --parsable -W steps.sh")).trim();
  expect(written("steps.log")).toEqual([`0: ${id}`, `1: ${id}`, "done"]);
});

test("a script finds itself as in a job, also from the processes that it spawns", async () => {
  writeFileSync(
    join(at.work, "spawns.py"),
    [
      "#!/usr/bin/env python3",
      "#SBATCH -o spawns.log",
      "import multiprocessing, os, sys",
      "def name(_): return os.path.basename(sys.argv[0])",
      'if __name__ == "__main__":',
      '    with multiprocessing.get_context("spawn").Pool(1) as pool: print(pool.map(name, [0]))',
      '    print("SLURM_NTASKS" in os.environ, "SLURM_CPUS_PER_TASK" in os.environ)',
      "",
    ].join("\n"),
  );
  await shell("sbatch -W spawns.py");
  expect(written("spawns.log")).toEqual(["['slurm_script']", "False False"]);
});

test("a script that requeues itself runs again, and what was used is billed", async () => {
  script(
    "again.sh",
    "#SBATCH -o again.log --open-mode=append",
    "echo $SLURM_RESTART_COUNT.",
    '[ -n "$SLURM_RESTART_COUNT" ] || { scontrol requeue $SLURM_JOB_ID; sleep 30; }',
  );
  const id = (await shell("sbatch --parsable -W again.sh")).trim();
  // As slurmstepd does, which writes the same in such a job's file.
  const requeued =
    /^gleaner: error: \*{3} JOB (\d+) ON n\d CANCELLED AT \S+ DUE TO JOB REQUEUE \*{3}$/;
  const [first, why, second] = written("again.log");
  expect([first, requeued.exec(why!)?.[1], second]).toEqual([".", id, "1."]);
  const { invocation, attempts } = await at.detail(id);
  expect(invocation).toMatchObject({ state: "COMPLETED", attempt: 2 });
  expect(attempts.map(({ state }) => state)).toEqual(["CANCELLED", "COMPLETED"]);
});

test("functions and jobs never have a counted resource together", async () => {
  script("two.sh", "#SBATCH -o two.log --open-mode=append -w n1", "echo + $SLURM_RESTART_COUNT");
  const refused = shell("sbatch --gres=nvme:3 two.sh");
  await expect(refused).rejects.toThrow(/no node of this cluster has .*gres\/nvme:3/);
  script("holds.sh", "#SBATCH -o holds.log --open-mode=append -w n1", "echo +; sleep 1000");
  const holder = (await shell("sbatch --parsable --gres=nvme:2 holds.sh")).trim();
  await at.until("the holder's start", () =>
    existsSync(join(at.work, "holds.log")) ? true : undefined,
  );
  const waits = (await shell("sbatch --parsable --gres=nvme:1 two.sh")).trim();
  await shell("sbatch -W -o /dev/null -w n1 two.sh");
  expect((await at.detail(waits)).invocation.state).toBe("PENDING");
  expect(await at.site.gleanOrThrow(["explain", waits])).toMatch(
    /is busy: it needs .*gres\/nvme:1/,
  );
  const job = await at.sbatch(["--gres=nvme:1", "-w", "n1", "-o", "job.log", "--wrap=sleep 1000"]);
  // One is left beside the job: too few for the holder, and enough for the other.
  await at.ended(waits);
  expect((await at.detail(holder)).attempts[0]).toMatchObject({ state: "EVICTED" });
  expect((await at.detail(holder)).invocation.state).toBe("PENDING");
  await at.site.cluster.run("scancel", [String(job)]);
  await at.until("the holder's return", () =>
    written("holds.log").length === 2 ? true : undefined,
  );
  await shell(`scancel ${holder}`);
});

test("scancel sends signals to the tasks of srun, or to the script, as Slurm's does", async () => {
  const task = `trap "echo task" USR1; echo up; while :; do sleep 0.1; done`;
  script(
    "signalled.sh",
    "#SBATCH -o signalled.log",
    "trap 'echo script' USR1",
    `srun bash -c '${task}' &`,
    "while :; do wait; done",
  );
  const id = (await shell("sbatch --parsable signalled.sh")).trim();
  const said = (word: string) =>
    until(
      () => existsSync(join(at.work, "signalled.log")) && written("signalled.log").includes(word),
    );
  await said("up");
  await shell(`scancel -s USR1 ${id}`);
  await said("task");
  expect(written("signalled.log")).not.toContain("script");
  await shell(`scancel -b -s USR1 ${id}`);
  await said("script");
  expect(written("signalled.log").filter((line) => line === "task")).toHaveLength(1);
  await shell(`scancel -b ${id}`);
  await at.ended(id);
  expect(await shell(`sacct -n -X -P -o state,exitcode -j ${id}`)).toBe("FAILED|0:9\n");
});

test("a script gets GPUs of the type that it names, and of no other", async () => {
  script("gpus.sh", "#SBATCH --gres=gpu:a100:2 -o gpus.log", "echo $CUDA_VISIBLE_DEVICES");
  await shell("sbatch -W gpus.sh");
  expect(written("gpus.log")).toEqual(["0,1"]);
  const other = shell("sbatch --gpus=v100:1 gpus.sh");
  await expect(other).rejects.toThrow(/no node of this cluster has GPUs of type v100/);
});

test("submitit and Parsl run unchanged", async () => {
  const tools = join(at.work, "tools");
  const install = [
    "-m",
    "pip",
    "install",
    "-q",
    "--no-compile",
    "--target",
    tools,
    "submitit",
    "parsl",
  ];
  await execute("/usr/bin/python3", [...install, "--break-system-packages"]);
  chmodSync(tools, 0o755);
  const program = `
import os, sys, time
import submitit
from parsl.providers import SlurmProvider
executor = submitit.AutoExecutor(folder="submitit")
executor.update_parameters(timeout_min=10, slurm_array_parallelism=4)
print(sum(job.result() for job in executor.map_array(pow, range(4), [2] * 4)))
provider = SlurmProvider(walltime="00:01:00", exclusive=False)
provider.script_dir = os.getcwd()
job = provider.submit("echo of-parsl > parsl.log", 1)
while not provider.status([job])[0].terminal: time.sleep(0.2)
print(provider.status([job])[0].state.name)
print(provider.cancel([provider.submit("sleep 60", 1)]))
`;
  writeFileSync(join(at.work, "tools.py"), program);
  const run = `PYTHONPATH=${tools} /usr/bin/python3 tools.py`;
  expect(await shell(run)).toBe("14\nCOMPLETED\n[True]\n");
  expect(written("parsl.log")).toEqual(["of-parsl"]);
});
