// `glean batch` as its users meet it: what is submitted, what is refused, and waiting for the end.

import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { Command } from "commander";
import { fromCommandLine } from "../../../../src/cli/command-line.js";
import { expectSentence, gleanWorld, invocation, listOf, refusal } from "../../../support/glean.js";

const world = gleanWorld();
const glean = (...args: string[]) => world.start(args).end;

describe("batch", () => {
  test.each([
    ["-o", "out\ufffd", "-J", "n", "--wrap", "true"],
    ["--wrap", "cat \ufffd"],
    ["job\ufffd.sh"],
  ])("no file is taken for one whose name is not UTF-8: %j %s", async (...args) => {
    const result = await glean("batch", ...args);
    expectSentence(result, 2, /is not UTF-8 text/);
  });

  test("a current folder that was removed is told so", () => {
    const before = process.cwd();
    const gone = mkdtempSync(join(tmpdir(), "gleaner-gone-"));
    process.chdir(gone);
    rmdirSync(gone);
    try {
      expect(() => fromCommandLine(new Command(), [], [])).toThrow("cd to another");
    } finally {
      process.chdir(before);
    }
  });

  test("the command line overrides #GLEAN, which overrides #SBATCH", async () => {
    const text =
      "#!/bin/sh\n#GLEAN -c 3 -J glean\n#SBATCH -c 2 --mem=2G -J slurm -p debug\n#SBATCH -t 1:00\nhostname\n";
    const result = await glean(
      "batch",
      "-J",
      "line",
      "-o",
      "%j.log",
      world.script(text),
      "-x",
      "a b",
    );
    expect(result).toEqual({ status: 0, stdout: "Submitted batch job 42\n", stderr: "" });
    expect(world.submitted()).toMatchObject({
      name: "line",
      cores: 3,
      memoryMb: 2048,
      memoryPerCoreMb: null,
      timeLimitMs: 60_000,
      arrayTasks: null,
      stdoutPattern: "%j.log",
      stderrPattern: null,
      workingDirectory: world.home,
      command: { kind: "script", body: text, args: ["-x", "a b"] },
    });
    expect(world.submitted().environment).toMatchObject({
      USER: "ada",
      HOME: world.environment.HOME,
    });
    const { body, authorization } = world.requests.at(-1)!;
    expect(body.requestId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(authorization).toBe("Bearer token-1");
  });

  test("reads standard input, --wrap, arrays, --export and --parsable", async () => {
    world.environment = { ...world.environment, EDITOR: "vi" };
    const piped = await world.start(["batch", "--parsable", "--export=NONE"], "#!/bin/sh\nid\n")
      .end;
    expect(piped).toEqual({ status: 0, stdout: "42\n", stderr: "" });
    expect(world.submitted()).toMatchObject({
      name: "glean",
      command: { body: "#!/bin/sh\nid\n" },
    });
    expect(world.submitted().environment).not.toHaveProperty("EDITOR");
    world.requests.length = 0;
    await glean("batch", "-a0-3", "-D", "sub", "--wrap", "echo 'a b'");
    expect(world.submitted()).toMatchObject({
      name: "wrap",
      arrayTasks: [0, 1, 2, 3],
      workingDirectory: join(world.home, "sub"),
      command: { kind: "script", body: "#!/bin/sh\necho 'a b'\n", args: [] },
    });
  });

  test("asks for a whole node, however that is written", async () => {
    const script = world.script("#!/bin/sh\n");
    await glean("batch", "--exclusive", script, "argument");
    expect(world.submitted()).toMatchObject({
      where: { exclusive: true },
      command: { args: ["argument"] },
    });
    world.requests.length = 0;
    await glean("batch", "--exclusive=user", "-C", "", script);
    expect(world.submitted()).not.toHaveProperty("where");
  });

  test("takes no script for the value of an option, and looks for one in PATH", async () => {
    mkdirSync(join(world.home, "bin"));
    writeFileSync(join(world.home, "bin", "found.sh"), "#!/bin/sh\nfound\n");
    world.environment.PATH = `${world.environment.PATH}:${join(world.home, "bin")}`;
    expect(await glean("batch", "--propagate", "found.sh", "argument")).toMatchObject({
      status: 0,
    });
    expect(world.submitted()).toMatchObject({
      name: "found.sh",
      command: { body: "#!/bin/sh\nfound\n", args: ["argument"] },
      scriptPath: join(world.home, "bin", "found.sh"),
    });
  });

  test("is silent with -Q, but not if only the script has it", async () => {
    const quiet = ["-Q", "--reboot", "--parsable", "--wrap", "id"];
    expect(await glean("batch", ...quiet)).toEqual({ status: 0, stdout: "", stderr: "" });
    const inScript = await glean("batch", world.script("#!/bin/sh\n#SBATCH --quiet\n"));
    expect(inScript.stdout).toMatch(/^Submitted batch job \d+\n$/);
  });

  test("notes each reason to ignore options, and reads the command line as getopt does", async () => {
    const { status, stderr } = await glean(
      "batch",
      "--reboot",
      "--out=x.log",
      "--tasks-per-node=2",
      world.script("#!/bin/sh\n#SBATCH --hint=compute_bound --time=1h30m\n"),
      "argument",
    );
    expect(stderr.split("\n")).toEqual([
      "glean: note: ignored job.sh:2: #SBATCH --hint: Gleaner chooses the cores",
      "glean: note: ignored --reboot: no node is restarted for a function",
      "",
    ]);
    expect(status).toBe(0);
    expect(world.submitted()).toMatchObject({
      stdoutPattern: "x.log",
      cores: 2,
      ntasks: 2,
      timeLimitMs: 5_400_000,
      submitDirectory: world.home,
      umask: process.umask(),
      limits: expect.arrayContaining([expect.stringMatching(/^stack:/)]),
      command: { args: ["argument"] },
    });
  });

  test("notes folders that do not exist here, each once", async () => {
    mkdirSync(join(world.home, "logs"));
    const script = world.script("#!/bin/sh\n#SBATCH -o logs/%j.out -e errors/%j.err\n");
    const noteOf = (option: string, folder: string) =>
      `glean: note: ${option}: there is no folder "${join(world.home, folder)}" here, and it fails unless its node has one: make it with mkdir -p\n`;
    expect(await glean("batch", script)).toMatchObject({
      ...{ status: 0, stderr: noteOf("--error", "errors") },
    });
    const elsewhere = await glean("batch", "-D", "none", "-o", "a/%x", "-e", "%x/b", script);
    expect(elsewhere.stderr).toBe(noteOf("--chdir", "none") + noteOf("--output", "none/a"));
  });

  test("--test-only submits nothing and says where it would start", async () => {
    world.answers["POST /v1/invocations"] = ({ body }) => ({
      body: {
        id: 0,
        tasks: 1,
        takes: { cores: body.submission.cores, memoryMb: 100, gpus: 0, timeLimitMs: 60_000 },
      },
    });
    const free = (cores: number) => ({ free: { cores, memoryMb: 1_000, gpus: [] } });
    const node = { executor: null, drainedBy: null };
    const nodes = [
      { ...node, node: "n1", hole: null },
      { ...node, node: "n2", hole: free(2) },
      { ...node, node: "n3", hole: { free: { ...free(4).free, gres: { nvme: 2 } } } },
    ];
    world.answers["GET /v1/info"] = () => ({ body: { nodes } });
    const tested = (...words: string[]) => glean("batch", "--test-only", ...words, "--wrap", "id");
    expect((await tested("-c3")).stderr).toMatch(
      /^glean: Job 0 to start at 20\S+ using 3 processors on nodes n3 in partition gleaner\n$/,
    );
    const sent = world.requests.find(({ url }) => url === "/v1/invocations");
    expect(sent!.body.testOnly).toBe(true);
    expect(await tested("-c2", "-x", "n[2-3]")).toEqual({
      status: 0,
      stdout: "",
      stderr: "glean: it would wait: no node has 2 cores and 100 MB for functions at present\n",
    });
    expect((await tested("-c1", "--gres=nvme:2")).stderr).toMatch(/on nodes n3 in/);
    expect((await tested("-c1", "--gres=nvme:3")).stderr).toMatch(
      /no node has 1 core, gres\/nvme:3 and 100 MB/,
    );
  });

  test("tells all refusals of a script at once, a line each", async () => {
    const name = world.script("#!/bin/sh\n#SBATCH -N 2\n#SBATCH --licenses=a\n#SBATCH --frob\n");
    const { status, stderr } = await glean("batch", name);
    expect(stderr.match(/^glean: job\.sh:\d: #SBATCH \S+/gm)).toEqual([
      "glean: job.sh:4: #SBATCH --frob:",
      "glean: job.sh:2: #SBATCH -N",
      "glean: job.sh:3: #SBATCH --licenses",
    ]);
    expect(status).toBe(2);
    expect(await glean("batch", "-N1", "--ignore=licenses", name)).toMatchObject({ status: 2 });
  });

  test.each<[string, string[], RegExp]>([
    ["no file", ["nowhere.sh"], /cannot open the script nowhere\.sh .*ENOENT/],
    ["a folder", ["."], /\. is a directory: name a script/],
    ["no #!", ["plain.sh"], /plain\.sh: This does not look like a batch script\. The first line/],
    ["too large", ["large.sh"], /large\.sh is larger than 4194304 bytes/],
    [
      "a bad directive",
      ["bad.sh"],
      /bad\.sh:3: #GLEAN --cpu: the option is ambiguous: write one of --cpu/,
    ],
    ["two nodes", ["-N", "2", "good.sh"], /--nodes "2": a function runs on one node/],
    ["a bad time", ["-t", "soon", "good.sh"], /--time: invalid time "soon"/],
    [
      "an array with a limit that is no number",
      ["-a", "0-9%x", "good.sh"],
      /--array: invalid task numbers "0-9%x"/,
    ],
    [
      "--wrap and a script",
      ["--wrap", "id", "good.sh"],
      /--wrap and a script are mutually exclusive/,
    ],
    [
      "an unknown option",
      ["--frobnicate", "good.sh"],
      /--frobnicate: sbatch has no such option; did you mean --/,
    ],
    ["a missing value", ["--mem"], /option '--mem <SIZE>' argument missing/],
    ["empty input", [], /stdin: the script is empty/],
  ])(
    "refuses %s with one sentence and status 2, and submits nothing",
    async (_name, args, sentence) => {
      world.script("#!/bin/sh\nid\n", "good.sh");
      world.script("echo hi\n", "plain.sh");
      world.script("#!/bin/sh\n\n#GLEAN --cpu=3\n", "bad.sh");
      world.script(`#!/bin/sh\n${"#".repeat(4 * 1024 * 1024)}`, "large.sh");
      expectSentence(await glean("batch", ...args), 2, sentence);
      expect(world.submitted()).toBeUndefined();
    },
  );

  test("prints the daemon's refusal in its own words", async () => {
    world.answers["POST /v1/invocations"] = () =>
      refusal(429, "LIMIT_REACHED", "too many: wait\u001b[2J");
    expectSentence(await glean("batch", "--wrap", "id"), 1, /^glean: too many: wait\?\[2J\n$/);
    world.answers["POST /v1/invocations"] = () => refusal(400, "BAD_REQUEST", "ask for less");
    expectSentence(await glean("batch", "--wrap", "id"), 2, /^glean: ask for less\n$/);
  });

  test("sends an interrupted submission again with the same id", async () => {
    let count = 0;
    world.answers["POST /v1/invocations"] = () =>
      ++count < 3 ? "cut" : { body: { id: 42, tasks: 1 } };
    expect(await glean("batch", "--wrap", "id")).toMatchObject({ status: 0 });
    const ids = world.requests
      .filter(({ url }) => url === "/v1/invocations")
      .map(({ body }) => body.requestId);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });
});

describe("batch --wait", () => {
  test("returns the highest exit code of the tasks, across a restart of the daemon", async () => {
    let count = 0;
    world.answers["GET /v1/invocations/42/wait"] = () => {
      if (++count === 1) return "cut";
      if (count === 2) return listOf(invocation({ state: "RUNNING" }));
      return listOf(
        invocation({ state: "COMPLETED", exitCode: 0 }),
        invocation({ state: "FAILED", exitCode: 7 }),
        invocation({ state: "TIMEOUT", signal: 9 }),
      );
    };
    expect(await glean("batch", "-W", "--wrap", "id")).toMatchObject({ status: 7, stderr: "" });
    expect(count).toBe(3);
  });

  test("leaves the job in the queue on Ctrl-C and says how to cancel it", async () => {
    const { child, end } = world.start(["batch", "-W", "--wrap", "id"]);
    world.answers["GET /v1/invocations/42/wait"] = () => {
      child.kill("SIGINT");
      // It is heard although gleanerd does not answer for a minute.
      return "none";
    };
    const { status, stderr } = await end;
    expect(status).toBe(130);
    expect(stderr).toBe("glean: job 42 stays in the queue: cancel it with glean cancel 42\n");
  });

  test("tells gleanerd the names of refused options, and nothing else of the script", async () => {
    world.answers["POST /v1/refusals"] = () => ({ body: { recorded: true } });
    const text = "#!/bin/sh\n#SBATCH --licenses=secret:2 -N 2 -n 4\n#SBATCH --mem=much\n";
    const { status } = await glean("batch", world.script(text));
    expect(status).toBe(2);
    const [told] = world.requests.filter(({ url }) => url === "/v1/refusals");
    expect(told!.body).toEqual({ options: ["licenses", "nodes", "mem"] });
    world.answers["POST /v1/refusals"] = () => "cut";
    const again = await glean("batch", world.script(text));
    expect(again.status).toBe(2);
    expect(again.stderr).toContain("only Slurm counts licenses");
  });

  test("names the file of a script, unless the script is that of a function itself", async () => {
    const path = world.script("#!/bin/sh\n");
    await glean("batch", path);
    expect(world.submitted()).toMatchObject({ scriptPath: join(world.home, path) });
    world.requests.length = 0;
    await glean("batch", "--wrap", "id");
    expect(world.submitted()).not.toHaveProperty("scriptPath");
    world.requests.length = 0;
    world.environment.SLURM_JOB_NAME = "again";
    await glean("batch", `/proc/self/fd/../../..${join(world.home, path)}`);
    expect(world.submitted()).toMatchObject({ name: "again" });
    expect(world.submitted()).not.toHaveProperty("scriptPath");
  });

  test("as sbatch it fails with sbatch's status for options", async () => {
    const script = world.script("#!/bin/sh\n#SBATCH --walltime=5\n");
    expect((await glean("as", "sbatch", script)).status).toBe(255);
    expect((await glean("batch", script)).status).toBe(2);
  });
});
