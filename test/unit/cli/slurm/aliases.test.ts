// Slurm's names in PATH: what tools parse is printed as Slurm prints it, with its exit statuses,
// and what Gleaner cannot do goes to Slurm where that is asked for.

import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { gleanWorld, invocation, listOf, submissionsOf } from "../../../support/glean.js";

const world = gleanWorld();
const as = (...args: string[]) => world.start(["as", ...args]).end;

const runs = invocation({
  id: 67_108_900,
  state: "RUNNING",
  attempt: 1,
  startedAtMs: Date.now() - 61_000,
  timeLimitMs: 600_000,
  node: "n1" as never,
});
const waits = (task: number) => ({
  ...invocation({
    id: 67_108_910 + task,
    arrayJobId: 67_108_910,
    arrayTaskId: task,
    reason: "JobArrayTaskLimit: 2 tasks of its array run at most at once",
  }),
  mostRunning: 2,
});
test("glean as --help shows its own help, and behind a name that of the command", async () => {
  for (const word of ["--help", "-h"]) {
    const { status, stdout } = await as(word);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: glean as NAME /);
  }
  expect((await as("squeue", "--help")).stdout).toMatch(/^Usage: squeue /);
  expect((await as("squeu", "--help")).status).toBe(2);
});

const cancelled = invocation({ id: 67_108_920, state: "CANCELLED", name: "a-long-name-of-a-job" });

/** A command of Slurm's, in a folder of PATH. */
function slurmHas(name: string): void {
  const folder = join(world.home, "slurm");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `#!/bin/sh\necho "Slurm's ${name} $*"; cat\n`);
  chmodSync(join(folder, name), 0o755);
  world.environment = { ...world.environment, PATH: `${folder}:${world.environment.PATH}` };
}

describe("squeue", () => {
  test("prints its columns, widths and reasons", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(waits(2), waits(1), runs);
    const { stdout } = await as("squeue");
    expect(stdout.replace(/1:\d\d(?= )/, "1:01").split("\n")).toEqual([
      "             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)",
      "  67108910_[1-2%2]   gleaner      job      ada PD       0:00      1 (JobArrayTaskLimit)",
      "          67108900   gleaner      job      ada  R       1:01      1 n1",
      "",
    ]);
    const bare = await as("squeue", "-h", "-r", "-o", "%i|%T", "--sort=-i", "-u", "ada");
    expect(bare.stdout).toBe("67108910_2|PENDING\n67108910_1|PENDING\n67108900|RUNNING\n");
    const named = await as("squeue", "-h", "-O", "JobArrayID:12,StateCompact:.3", "--name=job");
    expect(named.stdout).toBe("67108910_[1- PD\n67108900      R\n");
    const before = world.environment;
    world.environment = {
      ...before,
      SQUEUE_SORT: "i",
      SQUEUE_FORMAT2: "JobArrayID:11,StateCompact",
    };
    expect((await as("squeue", "-h")).stdout).toMatch(/^67108900 {3}R +\n67108910_\[1PD/);
    world.environment = before;
    expect((await as("squeue", "-h", "-t", "CG,S")).stdout).toBe("");
  });
  test("asks for the submissions of what it lists, each once, if a field is about them", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(waits(2), waits(1));
    world.answers["GET /v1/submissions"] = () =>
      submissionsOf({
        67108910: {
          command: { kind: "script", body: "", args: [] },
          scriptPath: "/w/job.sh",
          workingDirectory: "/w",
          stdoutPattern: null,
          schedule: { dependency: { any: false, on: [{ kind: "afterok", of: "42" }] } },
          where: { gres: { nvme: 2 }, gpuType: "a100" },
        },
      });
    const { stdout } = await as("squeue", "-h", "-r", "-o", "%i %Z %o %E");
    expect(stdout).toBe("67108910_1 /w /w/job.sh afterok:42\n67108910_2 /w /w/job.sh afterok:42\n");
    const asked = world.requests.filter(({ url }) => url.startsWith("/v1/submissions"));
    expect(asked.map(({ url }) => url)).toEqual(["/v1/submissions?ids=67108910"]);
    const [folder] = world.environment.PATH!.split(":");
    writeFileSync(join(folder!, "getent"), "#!/bin/sh\necho physics:x:$2:\n", { mode: 0o755 });
    expect((await as("squeue", "-h", "-r", "-o", "%g,%G")).stdout.split("\n")[0]).toBe(
      "physics,1000",
    );
    rmSync(join(folder!, "getent"));
    expect((await as("squeue", "-h", "-r", "-o", "%b %a %q")).stdout.split("\n")[0]).toBe(
      "gres/nvme:2 (null) (null)",
    );
    const files = await as("squeue", "-h", "-r", "-O", "WorkDir:4,StdOut:30,StdIn");
    expect(files.stdout.split("\n")[0]).toBe(
      "/w  /w/slurm-67108910_1.out       /dev/null           ",
    );
  });
  test("fails for an id that is none", async () => {
    world.answers["GET /v1/invocations"] = () => listOf();
    const { status, stderr } = await as("squeue", "-j", "99");
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "squeue: error: Invalid job id specified\n",
    });
    expect((await as("squeue", "--jobs=98,99", "-h")).status).toBe(0);
    expect((await as("squeue", "--nonsense")).status).toBe(1);
  });
});

describe("sacct", () => {
  test("prints a table of fixed columns, or fields between bars", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(cancelled, runs);
    expect((await as("sacct")).stdout.split("\n")).toEqual([
      "JobID           JobName  Partition    Account  AllocCPUS      State ExitCode ",
      "------------ ---------- ---------- ---------- ---------- ---------- -------- ",
      "67108900            job    gleaner                     2    RUNNING      0:0 ",
      "67108920     a-long-na+    gleaner                     2 CANCELLED+      0:0 ",
      "",
    ]);
    const parsl = await as(
      "sacct",
      "-X",
      "--noheader",
      "--format=jobid,state%20",
      "--job",
      "67108920",
    );
    expect(parsl.stdout.split("\n")[1]).toBe("67108920        CANCELLED by 1000 ");
    const words = [
      "-X",
      "--parsable2",
      "--clusters",
      "all",
      "--noheader",
      "--format=JobIdRaw,State",
    ];
    const snakemake = await as(
      "sacct",
      ...words,
      "--starttime",
      "2023-01-01T00:00",
      "--name",
      "job",
    );
    expect(snakemake.stdout).toBe("67108900|RUNNING\n");
    const submitit = [
      "-o",
      "JobID,State,NodeList",
      "--parsable2",
      "-j",
      "1",
      "-j",
      "67108900.batch",
    ];
    expect((await as("sacct", ...submitit)).stdout).toMatch(/^JobID\|State\|NodeList\n67108900\|/);
    expect(world.requests.at(-1)!.url).toContain("ids=1%2C67108900");
  });
  test("lists a user's own, or everybody's for root, ids and nodes", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(runs);
    const listsOwn = async (...words: string[]) => {
      await as("sacct", ...words);
      return world.requests.at(-1)!.url?.includes("user=") ?? false;
    };
    expect(await listsOwn()).toBe(process.geteuid!() !== 0);
    expect(await listsOwn("-N", "n1")).toBe(false);
    expect(await listsOwn("-j", "67108900")).toBe(false);
    expect(await listsOwn("-a")).toBe(false);
  });
  test("asks for the submissions of what it lists, if a field is about them", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(runs);
    world.answers["GET /v1/submissions"] = () =>
      submissionsOf({
        67108900: { workingDirectory: "/w", stdoutPattern: "out.log", stderrPattern: null },
      });
    const words = ["-n", "-P", "-o", "jobid,workdir,stdout"];
    expect((await as("sacct", ...words)).stdout).toBe("67108900|/w|/w/out.log\n");
    expect((await world.start(["acct", ...words]).end).stdout).toBe("67108900|/w|/w/out.log\n");
    const all = (await as("sacct", "-P", "-n", "-o", "ALL")).stdout;
    expect(all.trim().split("|").length).toBeGreaterThan(120);
  });
  test("prints all fields, the long list of them, and their names", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(runs);
    const names = (await as("sacct", "--helpformat")).stdout.trim().split(/\s+/);
    expect(names).toEqual(expect.arrayContaining(["Account", "JobID", "WorkDir"]));
    expect((await as("sacct", "-P", "-l")).stdout).toMatch(
      /^JobID\|JobIDRaw\|.*\|AllocTRES\|TRESUsageInAve\|.*\|TRESUsageOutTot\n67108900\|67108900\|job\|gleaner\|/,
    );
  });
  test("prints only the header for ids that are none", async () => {
    world.answers["GET /v1/invocations"] = () => listOf();
    expect(await as("sacct", "-j", "99", "-P", "-o", "jobid")).toEqual({
      status: 0,
      stdout: "JobID\n",
      stderr: "",
    });
  });
});

test("scancel is silent, and fails with one line for each id that may be a job of Slurm's", async () => {
  world.answers["POST /v1/cancel"] = ({ body }) => ({
    body: { cancelled: 1, problems: body.ids.includes("99") ? ["there is no invocation 99"] : [] },
  });
  const silent = { status: 0, stdout: "", stderr: "" };
  expect(await as("scancel", "67108900", "-t", "PD")).toEqual(silent);
  expect(world.requests.at(-1)!.body).toMatchObject({ state: "PENDING", skipUnknown: true });
  await as("scancel", "-s", "USR1", "67108900");
  expect(world.requests.at(-1)!.body).not.toHaveProperty("skipUnknown");
  const { status, stderr } = await as("scancel", "99");
  expect(world.requests.at(-1)!.body).toEqual({ ids: ["99"] });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: "scancel: error: there is no invocation 99\n",
  });
  expect((await as("scancel", "-Q", "99")).stderr).toBe("");
  // qtoolkit, and jobflow-remote with it, looks for these words.
  expect((await as("scancel", "-v", "67108900", "-t", "PD")).stderr).toBe(
    "scancel: Terminating job 67108900\n",
  );
  expect((await as("scancel")).stderr).toMatch(/^scancel: error: No job identification/);
  expect((await as("scancel", "-i", "67108900")).stderr).toMatch(/does not ask/);
  world.requests.length = 0;
  expect((await as("scancel", "--me", "-q", "long")).status).toBe(0);
  expect(world.requests).toEqual([]);
});

test.each([
  ["-s usr1 42", [{ ids: ["42"], signal: { number: 10, to: "steps" } }]],
  ["-f -s SIGTERM 42_7", [{ ids: ["42_7"], signal: { number: 15, to: "all" } }]],
  ["-b -s 12 42", [{ ids: ["42"], signal: { number: 12, to: "script" } }]],
  ["-b 42", [{ ids: ["42"], signal: { number: 9, to: "script" } }]],
  ["-s KILL 42", [{ ids: ["42"] }]],
  ["-f 42", [{ ids: ["42"] }]],
  [
    "42.0 43.batch,44_[1-2].0",
    [
      { ids: ["43"], signal: { number: 9, to: "script" } },
      { ids: ["42", "44_1", "44_2"], signal: { number: 9, to: "steps" } },
    ],
  ],
])("scancel %s sends what scancel would", async (line, bodies) => {
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
  world.requests.length = 0;
  expect(await as("scancel", ...line.split(" "))).toMatchObject({ status: 0, stderr: "" });
  const sent = world.requests.filter(({ url }) => url === "/v1/cancel");
  expect(sent.map(({ body }) => body)).toEqual(bodies);
});

test("scontrol says what to do in place of what it cannot, and requeuehold holds first", async () => {
  expect((await as("scontrol", "suspend", "42")).stderr).toMatch(/scancel -f -s STOP/);
  expect((await as("scontrol", "constructor")).stderr).toMatch(
    /"constructor" is not for functions/,
  );
  world.answers["POST /v1/hold"] = () => ({ body: { problems: [] } });
  world.answers["POST /v1/requeue"] = () => ({ body: { problems: [] } });
  world.requests.length = 0;
  expect((await as("scontrol", "requeuehold", "job=42")).status).toBe(0);
  const urls = world.requests.map(({ url }) => url).filter((url) => /hold|requeue/.test(url));
  expect(urls).toEqual(["/v1/hold", "/v1/requeue"]);
});

test("scontrol update changes the jobs that it names, wherever their name stands", async () => {
  world.answers["POST /v1/update"] = () => ({ body: { problems: ["42 has ended"] } });
  for (const words of [
    ["JobId=42", "TimeLimit=5"],
    ["job", "42", "TimeLimit=5"],
    ["TimeLimit=5", "jobid=42"],
  ]) {
    world.requests.length = 0;
    const { status, stderr } = await as("scontrol", "update", ...words);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "scontrol: error: 42 has ended\n" });
    const sent = world.requests.find(({ url }) => url === "/v1/update");
    expect(sent!.body).toEqual({ ids: ["42"], timeLimitMs: 300_000 });
  }
  expect((await as("scontrol", "update", "NodeName=n1", "State=DRAIN")).stderr).toMatch(
    /only jobs can be updated/,
  );
});

test("what begins later is listed with its time, and its tasks are shown as one", async () => {
  const beginAtMs = new Date(2039, 0, 2, 3, 4, 5).getTime();
  const later = { reason: "BeginTime: it begins later", timeLimitMs: 60_000, beginAtMs };
  const tasks = [2, 1].map((task) => ({ ...waits(task), ...later }));
  world.answers["GET /v1/invocations"] = () => listOf(...tasks);
  world.answers["GET /v1/invocations/67108911"] = () => ({
    body: {
      invocation: tasks[1],
      submission: {
        ...{ command: { kind: "argv", argv: ["id"] }, workingDirectory: "/w" },
        ...{ stdoutPattern: null, stderrPattern: null, schedule: { beginAtMs } },
      },
      attempts: [],
    },
  });
  const listed = await as("squeue", "-h", "-o", "%i %S %e");
  expect(listed.stdout).toBe("67108910_[1-2%2] 2039-01-02T03:04:05 2039-01-02T03:05:05\n");
  world.environment = { ...world.environment, SLURM_TIME_FORMAT: "%H.%M" };
  const named = await as("squeue", "-h", "-O", "StartTime:6,EligibleTime:6,AccrueTime:6");
  expect(named.stdout).toBe("03.04 03.04 03.04 \n");
  const { stdout } = await as("scontrol", "show", "job", "67108910");
  expect(stdout).toMatch(/^JobId=67108911 ArrayJobId=67108910 ArrayTaskId=1-2%2 JobName=job\n/);
  expect(stdout).toMatch(/ EligibleTime=03\.04\n {3}AccrueTime=03\.04\n {3}StartTime=03\.04 /);
  expect(stdout.match(/JobId=/g)).toHaveLength(2);
  const { status, stderr } = await as("squeue", "-S", "i,@");
  expect({ status, stderr }).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^squeue: error: Invalid sort specification: @: /),
  });
});

test("scontrol shows a job in pairs, and expands host lists", async () => {
  world.answers["GET /v1/invocations"] = () => listOf(runs);
  world.answers["GET /v1/invocations/67108900"] = () => ({
    body: {
      invocation: runs,
      submission: {
        command: { kind: "script", body: "#!/bin/sh\n", args: [] },
        stdoutPattern: "%x-%j.%N.log",
        stderrPattern: null,
        stdinPattern: "%j.in",
        // The folder's name is no pattern.
        workingDirectory: "/home/ada/100%jobs\\x/",
        schedule: { dependency: { any: false, on: [{ kind: "afterok", of: "7" }] } },
      },
      attempts: [],
    },
  });
  const { stdout } = await as("scontrol", "show", "job", "67108900");
  expect(stdout).toMatch(/^JobId=67108900 JobName=job\n {3}UserId=ada\(1000\) /);
  expect(stdout).toMatch(/JobState=RUNNING Reason=None Dependency=afterok:7\n/);
  expect(
    stdout
      .split("   ")
      .slice(-3)
      .map((line) => line.trim()),
  ).toEqual([
    "StdErr=/home/ada/100%jobs\\x/job-67108900.n1.log",
    "StdIn=/home/ada/100%jobs\\x/67108900.in",
    "StdOut=/home/ada/100%jobs\\x/job-67108900.n1.log",
  ]);
  expect(stdout).toMatch(/ GroupId=\S+\(1000\) /);
  const endsAt = new Date(runs.startedAtMs! + 600_000);
  const end = `${endsAt.getHours()}:${endsAt.getMinutes()}`.replace(/\b\d\b/g, "0$&");
  expect(stdout).toMatch(
    new RegExp(`^ {3}StartTime=\\S+ EndTime=\\S+T${end}:\\d\\d Deadline=`, "m"),
  );
  expect(stdout).toMatch(/^ {3}NodeList=n1\n {3}BatchHost=n1\n {3}NumNodes=1 /m);
  const one = await as("scontrol", "-o", "show", "job=67108900");
  expect(one.stdout.split("\n")).toHaveLength(2);
  const before = world.requests.length;
  await as("scontrol", "show", "job");
  expect(world.requests[before]!.url).toMatch(/sinceMs=/);
  expect(world.requests[before]!.url).not.toMatch(/states=/);
  const names = await as("scontrol", "show", "hostnames", "n[1-2],login");
  expect(names.stdout).toBe("n1\nn2\nlogin\n");
  expect((await as("scontrol", "show", "hostlist", "n1,n2")).stdout).toBe("n[1-2]\n");
  expect((await as("scontrol", "sho", "hostname", "n[1-2]")).stdout).toBe("n1\nn2\n");
  expect((await as("scontrol", "version")).stdout).toMatch(/^slurm \d+\.\d+\.\d+ /);
  expect(await as("scontrol", "show", "partition", "nope")).toMatchObject({
    status: 1,
    stdout: "Partition nope not found\n",
  });
  const path = join(world.home, "saved.sh");
  expect((await as("scontrol", "write", "batch_script", "67108900", path)).stdout).toBe(
    `batch script for job 67108900 written to ${path}\n`,
  );
  expect(readFileSync(path, "utf8")).toBe("#!/bin/sh\n");
  const unwritable = await as("scontrol", "write", "batch_script", "67108900", "/no/folder");
  expect(unwritable.stderr).toMatch(/^scontrol: error: cannot write \/no\/folder \(ENOENT.*: name/);
});

describe("sbatch", () => {
  test("submits as glean batch does, and asks for one attempt only where that is said", async () => {
    const script = world.script("#!/bin/sh\n#SBATCH --job-name=a\n");
    expect((await as("sbatch", "--parsable", script)).stdout).toBe("42\n");
    expect(world.submitted()).not.toHaveProperty("schedule");
    world.requests.length = 0;
    await as("sbatch", "--no-requeue", "-d", "afterok:7", script);
    expect(world.submitted()).toMatchObject({ schedule: { once: true } });
  });
  test("hands what does not fit to Slurm, where that is asked for", async () => {
    slurmHas("sbatch");
    const big = "#!/bin/sh\n#SBATCH --nodes=4\n";
    const alone = await world.start(["as", "sbatch"], big).end;
    expect(alone).toMatchObject({ status: 255, stdout: "" });
    expect(await as("sbatch", "--frobnicate", "job.sh")).toMatchObject({ status: 255 });
    expect(await as("srun", "-t", "soon", "true")).toMatchObject({ status: 255 });
    world.environment = { ...world.environment, GLEAN_FALLBACK: "slurm" };
    const handed = await world.start(["as", "sbatch", "-J", "x"], big).end;
    expect(handed).toMatchObject({ status: 0, stdout: `Slurm's sbatch -J x\n${big}` });
    expect(handed.stderr).toMatch(/^sbatch: note: handed to Slurm: .*runs on one node/);
  });
});

test("ids of jobs alone go to Slurm, and lists have both, where that is asked for", async () => {
  for (const name of ["squeue", "scancel"]) slurmHas(name);
  world.environment = { ...world.environment, GLEAN_FALLBACK: "slurm" };
  world.answers["GET /v1/invocations"] = () => listOf(runs);
  const tasks = "12_[1,67108871,3]";
  expect((await as("scancel", tasks)).stdout).toBe(`Slurm's scancel ${tasks}\n`);
  expect((await as("squeue", "-j", "12,13", "-h")).stdout).toBe("Slurm's squeue -j 12,13 -h\n");
  const named = await as("squeue", "-u", "1000", "-h", "-o", "%i");
  expect(named.stdout).toBe("67108900\nSlurm's squeue -u 1000 -h -o %i -h\n");
  expect((await as("squeue", "-o", "%i")).stdout).toBe(
    "JOBID\n67108900\nSlurm's squeue -o %i -h\n",
  );
  expect((await as("squeue", "-j", "67108900", "-h", "-o", "%i")).stdout).toBe("67108900\n");
});

test.each([
  ["sbatch", "--parsable", "-h"],
  ["srun", "-n2", "--usage"],
  ["squeue", "--help"],
  ["sacct", "-h"],
  ["scancel", "--usage"],
  ["sinfo", "--help"],
  ["scontrol", "-h"],
])("%s %s %s prints how it is used, and does nothing", async (name, ...words) => {
  const { status, stdout, stderr } = await as(name, ...words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^Usage: ${name} [^]*--[^]*`));
  expect((await as(name, "-V")).stdout).toMatch(/^slurm \d+\.\d+/);
  expect((await as(name, "-v", "--version")).stdout).toMatch(/^slurm \d+\.\d+/);
  expect(world.requests).toEqual([]);
});

test("aliases are put in a folder of their own, and removed", async () => {
  const glean = (...args: string[]) => world.start(args).end;
  const names = ["sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"];
  const folder = join(world.home, "aliases");
  expect((await glean("install-aliases", folder)).stdout).toBe(`export PATH=${folder}:$PATH\n`);
  expect(readdirSync(folder).toSorted()).toEqual(names);
  writeFileSync(join(folder, "squeue"), "#!/bin/sh\n");
  expect((await glean("install-aliases", "--remove", folder)).stderr).toMatch(/not one of these/);
  expect(readdirSync(folder)).toHaveLength(names.length);
});
