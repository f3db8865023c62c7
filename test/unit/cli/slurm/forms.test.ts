// Slurm's options and forms on Gleaner's own commands, and what workflow managers ask of Slurm.

import { expect, test } from "@jest/globals";
import { gleanWorld, invocation, listOf, submissionsOf } from "../../../support/glean.js";

const world = gleanWorld();
const glean = (...args: string[]) => world.start(args).end;

const node = (name: string, cores: number | null) => ({
  node: name,
  cores: 8,
  memoryMb: 16_000,
  allocatedCores: 2,
  allocatedMemoryMb: 4_000,
  slurmState: "MIXED",
  drainedBy: null,
  hole: cores === null ? null : { free: { cores, memoryMb: 1_000, gpus: [] } },
  executor: null,
});
const site = () => ({
  body: { clusterName: "c", version: "1", nodes: [node("n1", 4), node("n2", null), node("n3", 4)] },
});

test("sinfo sums up the nodes, and lists the reasons of those that are drained", async () => {
  world.answers["GET /v1/info"] = site;
  const lines = (await glean("as", "sinfo", "-s", "-h")).stdout.split("\n");
  expect(lines[0]).toMatch(/^gleaner\* {5}up {3}infinite {10}1\/2\/0\/3 n\[1-3\]$/);
  expect((await glean("as", "sinfo", "-R")).stdout).toBe(
    "REASON               USER      TIMESTAMP           NODELIST\n",
  );
});

test("info prints nodes as sinfo does", async () => {
  world.answers["GET /v1/info"] = site;
  expect((await glean("info", "-N", "-h", "-n", "n[1-2]")).stdout).toBe(
    "n1             1  gleaner* idle  \nn2             1  gleaner* alloc \n",
  );
  expect((await glean("info", "-o", "%N %C")).stdout).toBe(
    "NODELIST CPUS(A/I/O/T)\nn[1-3] 16/8/0/24\n",
  );
  expect((await glean("info", "-h", "-o", "%t %C")).stdout).toBe("alloc 8/0/0/8\nidle 8/8/0/16\n");
  const drained = { ...node("n4", null), drainedBy: "root" };
  world.answers["GET /v1/info"] = () => ({ body: { ...site().body, nodes: [drained] } });
  expect((await glean("info", "-h", "-o", "%C")).stdout).toBe("0/0/8/8\n");
});

test("nodes of several sizes share a line, unless they must be alike", async () => {
  const large = { ...node("n4", 4), cores: 16, memoryMb: 32_000 };
  world.answers["GET /v1/info"] = () => ({
    body: { ...site().body, nodes: [large, node("n1", 4)] },
  });
  const sinfo = async (...args: string[]) => (await glean("as", "sinfo", "-h", ...args)).stdout;
  expect(await sinfo("-o", "%N %c %m %e %z")).toBe("n[1,4] 8+ 16000+ 12000-28000 8+:1:1\n");
  expect(await sinfo("-e", "-o", "%N %c %m")).toBe("n4 16 32000\nn1 8 16000\n");
  expect(await sinfo("-N", "-o", "%N %c")).toBe("n1 8\nn4 16\n");
});

test("sinfo chooses by state, takes fields by name, and sorts", async () => {
  world.answers["GET /v1/info"] = site;
  const sinfo = async (...args: string[]) => (await glean("as", "sinfo", "-h", ...args)).stdout;
  expect(await sinfo("-t", "idle", "-o", "%D %N")).toBe("2 n[1,3]\n");
  expect(await sinfo("-t", "alloc,down", "-o", "%D %N")).toBe("1 n2\n");
  expect(await sinfo("-t", "maint", "-o", "%P|%D|%t|%C|%N")).toBe("gleaner*|0|n/a|0/0/0/0|\n");
  expect(await sinfo("-N", "-t", "down")).toBe("");
  expect(await sinfo("-p", "batch")).toBe("");
  expect(await glean("as", "sinfo", "-t", "bogus")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^sinfo: error: Bad state string: "bogus": expected some of /),
  });
  expect(await sinfo("-O", "NodeHost:6,CPUsState:.10,StateLong:10")).toBe(
    "n2       8/0/0/8allocated \nn1       4/4/0/8idle      \nn3       4/4/0/8idle      \n",
  );
  expect((await glean("as", "sinfo", "-O", "nodes,bogus")).stderr).toBe(
    "sinfo: error: Invalid job format specification: bogus\n",
  );
  expect(await glean("as", "sinfo", "-h", "-o", "%D %_ %N")).toMatchObject({
    ...{ status: 0, stdout: "3 %_ n[1-3]\n" },
    stderr: "sinfo: error: Invalid node format specification: _\n",
  });
  expect(await sinfo("-t", "idle,", "-n", "n[1-2],", "-o", "%N")).toBe("n1\n");
  expect(await sinfo("-N", "-S", "-N", "-o", "%n")).toBe("n3\nn2\nn1\n");
  expect((await sinfo("-o", "%all")).split("|").length).toBeGreaterThan(30);
  expect(await sinfo("-T")).toBe("No reservations in the system\n");
});

test("show prints jobs and nodes as scontrol does, each in one line with -o", async () => {
  world.answers["GET /v1/info"] = site;
  const { stdout } = await glean("show", "-o", "node", "n1");
  expect(stdout).toMatch(/^NodeName=n1 .*CPUTot=8.*\n$/);
  expect((await glean("show", "node", "n9")).stdout).toBe("Node n9 not found\n");
  world.answers["GET /v1/invocations"] = () => listOf(invocation({ id: 42 }));
  world.answers["GET /v1/invocations/42"] = () => ({
    body: {
      invocation: invocation({ id: 42 }),
      submission: { command: { kind: "argv", argv: ["id"] }, workingDirectory: "/w" },
      attempts: [],
    },
  });
  expect((await glean("show", "job", "42")).stdout).toMatch(
    /^JobId=42 JobName=job\n {3}UserId=ada/,
  );
  world.answers["GET /v1/invocations/7"] = () => ({
    body: {
      invocation: invocation({ id: 7, cpuMs: 1_500, maxRssMb: 62 }),
      submission: { command: { kind: "argv", argv: ["id"] }, workingDirectory: "/w" },
      attempts: [],
    },
  });
  expect((await glean("show", "7")).stdout).toMatch(/^ {3}CpuMs=1500 MaxRssMb=62$/m);
  expect((await glean("show", "42")).stdout).not.toContain("MaxRss");
  expect((await glean("show", "42", "43")).stderr).toMatch(/show one id/);
});

test("cancel chooses by node, and chooses nothing by what invocations have not", async () => {
  world.answers["GET /v1/invocations"] = () =>
    listOf(
      invocation({ id: 42, state: "RUNNING", node: "n1" as never }),
      invocation({ id: 43, state: "RUNNING", node: "n2" as never }),
    );
  world.answers["POST /v1/cancel"] = () => ({
    body: { cancelled: 1, problems: ["42 has ended"] },
  });
  expect(await glean("cancel", "-Q", "-f", "-w", "n[1,3]")).toMatchObject({
    status: 1,
    stderr: "",
  });
  expect(world.requests.at(-1)!.body).toEqual({ ids: ["42"] });
  expect((await glean("cancel", "42", "-s", "USRX")).stderr).toMatch(/"USRX": expected a signal/);
});

test("Snakemake's executor for Slurm gets the answers that it parses", async () => {
  world.answers["GET /v1/info"] = site;
  expect((await glean("as", "sinfo", "-o", "%P")).stdout).toBe("PARTITION\ngleaner*\n");
  const config = await glean("as", "scontrol", "show", "config");
  expect(config.stdout).toMatch(/^MinJobAge +=\s*300 sec$/m);
  world.answers["GET /v1/invocations"] = () => listOf(invocation({ id: 42, name: "run-1" }));
  const words =
    "sbatch --parsable --job-name run-1 --output /w/%j.log --export=ALL --comment rule_a";
  const more = "-A lab -p short -t 5 -C  --qos=normal --mem 100 --ntasks=1 --cpus-per-task=1 -D /w";
  const sent = world.start(["as", ...words.split(" "), ...more.split(" ")], "#!/bin/sh\nid\n");
  expect(await sent.end).toMatchObject({ status: 0, stdout: "42\n" });
  expect(world.submitted()).toMatchObject({
    name: "run-1",
    cores: 1,
    memoryMb: 100,
    timeLimitMs: 300_000,
    workingDirectory: "/w",
    optionVariables: { SLURM_JOB_ACCOUNT: "lab", SLURM_JOB_PARTITION: "short" },
  });
  const status = "squeue --noheader --format=%i|%T --states=all --name run-1";
  expect((await glean("as", ...status.split(" "))).stdout).toBe("42|PENDING\n");
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
  expect((await glean("as", "scancel", "42", "43", "--clusters=all")).status).toBe(0);
});

// clustermq's inst/SLURM.tmpl and R/qsys_slurm.r, batchtools' slurm-simple.tmpl, and the header and
// the commands of Nextflow's SlurmExecutor (24.10 and 26.08).
const recorded: readonly [string, string[], object][] = [
  [
    "",
    [
      "#SBATCH --job-name=cmq6123",
      "#SBATCH --output=/dev/null",
      "#SBATCH --error=/dev/null",
      "#SBATCH --mem-per-cpu=4096",
      "#SBATCH --array=1-3",
      "#SBATCH --cpus-per-task=1",
    ],
    { name: "cmq6123", cores: 1, memoryPerCoreMb: 4_096 },
  ],
  [
    "/w/job.sh",
    ["#SBATCH --time=20", "#SBATCH --ntasks=1", "#SBATCH --mem-per-cpu=200"],
    { cores: 1, memoryPerCoreMb: 200, timeLimitMs: 1_200_000 },
  ],
  [
    ".command.run",
    [
      "#SBATCH -J nf-square_(1)",
      "#SBATCH -o /dev/null",
      "#SBATCH --no-requeue",
      "#SBATCH --signal B:USR2@30",
    ],
    { name: "nf-square_(1)" },
  ],
];

test.each(recorded)(
  "sbatch takes the script that a tool writes (%s)",
  async (_, lines, request) => {
    const script = `#!/bin/bash\n${lines.join("\n")}\ntrue\n`;
    expect(await world.start(["as", "sbatch"], script).end).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Submitted batch job \d+\n$/),
      stderr: "",
    });
    expect(world.submitted()).toMatchObject(request);
  },
);

test("squeue tells what is no field, and goes on", async () => {
  world.answers["GET /v1/invocations"] = () => listOf(invocation({ id: 42, name: "pi_1" }));
  const told = (...words: string[]) =>
    words.map((each) => `squeue: error: Invalid job format specification: ${each}\n`).join("");
  // adaptive-scheduler asks so, with the quotes.
  expect(await glean("as", "squeue", "-h", '--Format=",JobID:5,State:.8|,nope,"')).toMatchObject({
    ...{ status: 0, stdout: "42    PENDING|\n", stderr: told('"', "nope", '"') },
  });
  expect(await glean("as", "squeue", "-h", "-o", "%i %_ %t%")).toMatchObject({
    ...{ status: 0, stdout: "42 %_ PD\n", stderr: told("_") },
  });
  // ReFrame's format; what it does not find in the answer has ended, it thinks.
  const reframe = await glean("as", "squeue", "-h", "-j", "42", "-o", "%%i|%%T|%%N|%%r");
  expect(reframe.stdout).toMatch(/^42\|PENDING\|\|\w*\n$/);
});

test("squeue and scancel take what batchtools, Nextflow, clustermq and FireWorks ask", async () => {
  world.answers["GET /v1/invocations"] = () => listOf(invocation({ id: 42, name: "cmq6123" }));
  const batchtools = ["--noheader", "--format=%i", "-r", "--user=ada"];
  const queued = "--states=PD,CF,RF,RH,RQ,SE";
  expect((await glean("as", "squeue", ...batchtools, queued)).stdout).toBe("42\n");
  const running = "--states=R,S,CG,RS,SI,SO,ST";
  expect(await glean("as", "squeue", ...batchtools, running)).toMatchObject({
    status: 0,
    stderr: "",
  });
  const nextflow = ["--noheader", "-o", "%i %t", "-t", "all", "-u", "ada"];
  expect((await glean("as", "squeue", ...nextflow)).stdout).toBe("42 PD\n");
  const states = ["--noheader", "-o", "%i %t", "-t", "all", "--only-job-state"];
  expect((await glean("as", "squeue", ...states)).stdout).toBe("42 PD\n");
  // Where their users name a partition, both count what they have submitted to it.
  world.answers["GET /v1/submissions"] = () =>
    submissionsOf({ 42: { optionVariables: { SLURM_JOB_PARTITION: "short" } } });
  expect((await glean("as", "squeue", ...nextflow, "-p", "short")).stdout).toBe("42 PD\n");
  const fireworks = ['-o "%u"', "-u", "ada", "-h", "-p", "short"];
  expect((await glean("as", "squeue", ...fireworks)).stdout).toBe(' "ada"\n');
  world.answers["POST /v1/cancel"] = () => ({ body: { cancelled: 1, problems: [] } });
  expect((await glean("as", "scancel", "--name", "cmq6123")).status).toBe(0);
  expect(world.requests.at(-1)!.body).toEqual({ ids: [], name: "cmq6123" });
});

test("Toil, pysqa and signac-flow get the answers that they parse", async () => {
  world.answers["GET /v1/info"] = site;
  const partitions = await glean("as", "sinfo", "-a", "-o", "%P %G %l %p %c %m");
  expect(partitions.stdout.split("\n")[1]).toBe("gleaner* (null) infinite 1 8 16000");
  world.answers["GET /v1/invocations"] = () => listOf(invocation({ id: 42, name: "pi_1" }));
  world.answers["GET /v1/submissions"] = () => submissionsOf({ 42: { workingDirectory: "/w" } });
  const squeue = async (...words: string[]) => (await glean("as", "squeue", ...words)).stdout;
  expect(await squeue("--format", "%A|%u|%t|%.15j|%Z", "--noheader")).toBe(
    "42|ada|PD|           pi_1|/w\n",
  );
  expect(await squeue("-u", "ada", "-h", "--format=%2t%100j")).toBe(`PD${"pi_1".padEnd(100)}\n`);
  expect(await squeue("-h", "--format", "%i %t %M")).toBe("42 PD 0:00\n");
});

test("--json and --yaml print one document, which is both, or say where there is none", async () => {
  const found = invocation({ id: 67_108_900, name: "job", state: "RUNNING" });
  world.answers["GET /v1/info"] = site;
  world.answers["GET /v1/invocations"] = () => listOf(found);
  const detail = { invocation: found, submission: {}, attempts: [] };
  world.answers["GET /v1/invocations/67108900"] = () => ({ body: detail });
  const read = async (...line: string[]) => JSON.parse((await glean("as", ...line)).stdout);
  expect(await read("squeue", "--yaml")).toMatchObject({ invocations: [{ id: 67_108_900 }] });
  expect(await read("sacct", "--yaml")).toMatchObject({ jobs: [{ id: 67_108_900 }] });
  expect(await read("sinfo", "--yaml")).toMatchObject({ sinfo: [{ node: "n1" }, {}, {}] });
  for (const option of ["--json", "--yaml"])
    expect(await read("scontrol", "show", "job", "67108900", option)).toEqual({ jobs: [detail] });
  expect(await read("scontrol", "--json", "show", "node", "n2")).toMatchObject({
    nodes: [{ node: "n2" }],
  });
  expect(await glean("as", "scontrol", "show", "config", "--json")).toMatchObject({
    status: 1,
    stderr: "scontrol: error: --json is for show job and show node: omit it\n",
  });
});

test("squeue -s lists the batch steps of what runs, and refuses what it cannot read", async () => {
  const runs = invocation({
    id: 42,
    state: "RUNNING",
    node: "n1" as never,
    startedAtMs: Date.now(),
  });
  world.answers["GET /v1/invocations"] = () => listOf(runs);
  const { stdout } = await glean("as", "squeue", "-s");
  expect(stdout.split("\n")).toEqual([
    "         STEPID     NAME PARTITION     USER      TIME NODELIST",
    expect.stringMatching(/^ {7}42\.batch {4}batch {3}gleaner {6}ada {6}\d:\d\d n1$/),
    "",
  ]);
  for (const words of [["--steps=42.batch,43"], ["-s", "42.batch", "43"]]) {
    world.requests.length = 0;
    expect((await glean("as", "squeue", "-h", "-o", "%i %A", ...words)).stdout).toBe(
      "42.batch 1\n",
    );
    expect(world.requests.at(-1)!.url).toMatch(/^\/v1\/invocations\?ids=42%2C43/);
  }
  const named = await glean(
    "as",
    "squeue",
    "-s",
    "-O",
    "StepID:10,StepName:6,NumTasks:6,bogus,Nodes",
  );
  expect(named).toMatchObject({
    ...{ status: 0, stderr: "squeue: error: Invalid job step format specification: bogus\n" },
    stdout: expect.stringMatching(
      /^STEPID {4}NAME {2}TASKS NODELIST +\n42\.batch {2}batch 1 {5}n1 +\n$/,
    ),
  });
  expect(await glean("as", "squeue", "42")).toMatchObject({
    ...{ status: 1, stderr: "squeue: error: Unrecognized option: 42\n" },
  });
});

test.each(["squeue", "sinfo"])("%s -i takes seconds and nothing else", async (name) => {
  for (const value of ["x", "0", "1000000"])
    expect(await glean("as", name, "-i", value)).toMatchObject({
      ...{ status: 1, stdout: "" },
      stderr: `${name}: error: --iterate: invalid value "${value}": expected seconds, from 1 to 999999\n`,
    });
});

test.each(["as squeue", "as sinfo", "queue"])("%s -i lists until it is ended", async (command) => {
  const { child, end } = world.start([...command.split(" "), "-h", "-i", "1"]);
  let lists = 0;
  const list = () => {
    lists += 1;
    if (lists === 2) child.kill("SIGTERM");
    return { body: { invocations: [], truncated: false, nodes: [] } };
  };
  world.answers["GET /v1/invocations"] = list;
  world.answers["GET /v1/info"] = list;
  await end;
  expect(lists).toBeGreaterThan(1);
});

test.each(["squeue", "sinfo"])("%s -i tells once what is no field", async (name) => {
  const { child, end } = world.start(["as", name, "-h", "-i", "1", "-o", "%_"]);
  let lists = 0;
  const list = () => {
    lists += 1;
    if (lists === 3) child.kill("SIGTERM");
    return { body: { invocations: [], truncated: false, nodes: [] } };
  };
  world.answers["GET /v1/invocations"] = list;
  world.answers["GET /v1/info"] = list;
  expect((await end).stderr).toMatch(
    new RegExp(`^${name}: error: Invalid \\w+ format specification: _\n$`),
  );
});

test("what could not be started yet says so in a word, and why in SystemComment", async () => {
  const why = "/x/y cannot be opened: No such file or directory (on n1)";
  const reason = `${why}; it will be tried on another node first`;
  const tried = invocation({ id: 42, attempt: 1, reason });
  world.answers["GET /v1/invocations"] = () => listOf(tried);
  world.answers["GET /v1/invocations/42"] = () => ({
    body: {
      invocation: tried,
      submission: { command: { kind: "argv", argv: ["id"] }, workingDirectory: "/w" },
      attempts: [],
    },
  });
  expect((await glean("as", "squeue", "-h", "-o", "%t %R")).stdout).toBe("PD (JobLaunchFailure)\n");
  const named = await glean("as", "squeue", "-h", "-O", "system_comment:10");
  expect(named.stdout).toBe("/x/y canno\n");
  const listed = await glean("as", "sacct", "-nPo", "Reason,SystemComment");
  expect(listed.stdout).toBe(`JobLaunchFailure|${reason}\n`);
  const shown = await glean("as", "scontrol", "show", "job", "42");
  expect(shown.stdout).toContain("JobState=PENDING Reason=JobLaunchFailure ");
  expect(shown.stdout).toContain(`\n   SystemComment=${reason}\n`);
});

test.each([
  ["--array=5-1", 1],
  ["-nx", 1],
  ["--dependency=afterok:x", 1],
  ["--time=soon", 255],
  ["--mem=x", 255],
  ["--frobnicate", 255],
])("sbatch and its name here exit alike for %s", async (option, status) => {
  expect(await glean("as", "sbatch", option, "--wrap", "id")).toMatchObject({ status });
});

test("sbatch exits with 1 for two sizes of memory, and with 255 if more is wrong", async () => {
  const twice = ["--mem=1G", "--mem-per-cpu=1G", "--wrap", "id"];
  expect(await glean("as", "sbatch", ...twice)).toMatchObject({ status: 1 });
  expect(await glean("as", "sbatch", "-t", "soon", ...twice)).toMatchObject({ status: 255 });
});
