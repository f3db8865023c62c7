// Listings, JSON documents and exit statuses of every command.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { noIdle } from "../../../src/core/accounting/idle.js";
import { nodeName } from "../../../src/model/ids.js";
import type { Utilization } from "../../../src/model/records/utilization.js";
import { expectSentence, gleanWorld, invocation, listOf } from "../../support/glean.js";

/** One hour of one node, half of it idle. */
const coreMs = {
  availableCoreMs: 7_200_000,
  allocatedCoreMs: 3_600_000,
  idleCoreMs: 3_600_000,
  coveredCoreMs: 3_000_000,
  usefulCoreMs: 2_000_000,
  leasedCallsCoreMs: 400_000,
  leasedHotCoreMs: 100_000,
  leasedHeldCoreMs: 300_000,
};
const utilization: Utilization = {
  ...coreMs,
  fromMs: 1_700_000_000_000,
  toMs: 1_700_003_600_000,
  unobservedMs: 0,
  nodes: 1,
  coverage: 0.83,
  goodput: 0.55,
  evictions: 1,
  evictedAttempts: 1,
  lostToEvictionCoreMs: 10,
  evictMs: { p50: 5, p99: 6, max: 7 },
  violations: [],
  evictHistogram: [{ atMostMs: null, count: 1 }],
  batchJobs: 3,
  series: [0, 1].map((step) => ({
    atMs: 1_700_000_000_000 + step * 1_800_000,
    allocatedCores: 1,
    idleCores: 1,
    coveredCores: 1,
    usefulCores: 0.5,
  })),
  idleParts: { ...noIdle(), useful: 2_000_000, noDemand: 1_000_000, tooShort: 600_000 },
  perNode: [
    {
      node: nodeName("n7"),
      ...coreMs,
      idleParts: { useful: 2_000_000, noDemand: 1_000_000, tooShort: 600_000 },
    },
  ],
};

const world = gleanWorld();
const glean = (...args: string[]) => world.start(args).end;

describe("listings", () => {
  test("queue folds the tasks of an array with steps as Slurm does", async () => {
    const tasks = Array.from({ length: 500 }, (_, at) =>
      invocation({ id: 50 + at, arrayJobId: 50, arrayTaskId: 1 + 2 * at, name: "averylongname" }),
    );
    world.answers["GET /v1/invocations"] = () => listOf(...tasks);
    const { stdout } = await glean("queue", "-h");
    expect(stdout).toMatch(/^50_\[1-999:2\] {2}averylon {2}ada /);
  });

  test("cancel takes 100,000 ids in one go, a portion for each request", async () => {
    world.answers["POST /v1/cancel"] = ({ body }) => ({
      body: { cancelled: body.ids.length, problems: body.ids.includes("50_7") ? ["not 50_7"] : [] },
    });
    const { status, stderr, stdout } = await glean("cancel", "50_[0-99999]", "--json");
    expect(JSON.parse(stdout)).toEqual({ cancelled: 100_000, problems: ["not 50_7"] });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(world.requests.filter(({ url }) => url === "/v1/cancel")).toHaveLength(100);
  });

  test("hold and release change what waits, also single tasks", async () => {
    world.answers["POST /v1/hold"] = ({ body }) => ({
      body: { problems: body.ids.includes("43") ? ["there is no invocation 43"] : [] },
    });
    expect(await glean("hold", "42")).toEqual({ status: 0, stdout: "", stderr: "" });
    expectSentence(await glean("release", "42,43"), 1, /there is no invocation 43/);
    expect((await glean("hold", "42_7")).status).toBe(0);
    const asked = world.requests.filter(({ url }) => url === "/v1/hold").map(({ body }) => body);
    expect(asked).toEqual([
      { ids: ["42"], held: true },
      { ids: ["42", "43"], held: false },
      { ids: ["42_7"], held: true },
    ]);
  });

  test("queue folds the pending tasks of an array and hides control characters", async () => {
    const task = (number: number) =>
      invocation({ id: 50 + number, arrayJobId: 50, arrayTaskId: number, name: "evil\u001b[2J" });
    world.answers["GET /v1/invocations"] = () =>
      listOf(task(4), task(2), task(1), invocation({ reason: "no hole is large enough" }));
    const { stdout, status } = await glean("queue", "-u", "ada");
    expect(status).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "     JOBID  NAME      USER  ST  TIME  CPUS  NODE(REASON)",
      "        42  job       ada   PD  0:00     2  (no hole is large enough)",
      "50_[1-2,4]  evil?[2J  ada   PD  0:00     2  (waiting for a hole)",
      "",
    ]);
    // The newest come first, and are shown last.
    expect(world.requests.at(-1)!.url).toBe(
      "/v1/invocations?user=ada&states=PENDING%2CRUNNING&tasks=runs&order=newest",
    );
  });

  test("queue shows a million tasks that wait as one line", async () => {
    const run = { count: 999_997, step: 1 };
    const task = (id: number) => invocation({ id: 50 + id, arrayJobId: 50, arrayTaskId: id });
    world.answers["GET /v1/invocations"] = () => listOf({ ...task(3), run }, task(1));
    const { stdout } = await glean("queue", "-h");
    expect(stdout).toBe("50_[1,3-999999]  job  ada  PD  0:00  2  (waiting for a hole)\n");
  });

  test.each<[string[], string, unknown]>([
    [["queue", "--json"], "GET /v1/invocations", { invocations: [invocation()], truncated: true }],
    [["acct", "--json"], "GET /v1/invocations", { invocations: [invocation()], truncated: false }],
    [["show", "42", "--json"], "GET /v1/invocations/42", { invocation: invocation() }],
    [["info", "--json"], "GET /v1/info", { clusterName: "c", nodes: [] }],
    [["explain", "5_[3%1]", "--json"], "GET /v1/explain/5_3", { what: "5_3", lines: ["it waits"] }],
    [["explain", "n1", "--json"], "GET /v1/explain/n1", { what: "n1", lines: ["it is full"] }],
    [["explain", "hole", "--json"], "GET /v1/holes", { idleCores: 0, holes: [] }],
    [["bill", "--json"], "GET /v1/bill", { lines: [], total: {} }],
    [["report", "utilization", "--json"], "GET /v1/utilization", { nodes: 8 }],
    [["report", "adoption", "--json"], "GET /v1/adoption", { options: [] }],
    [["drain", "all", "--json"], "POST /v1/drain", { nodes: ["n1"], problems: [] }],
    [["cancel", "42", "--json"], "POST /v1/cancel", { cancelled: 1, problems: [] }],
  ])("%j prints one JSON document and nothing else", async (args, route, body) => {
    world.answers[route] = () => ({ body });
    const { status, stdout } = await glean(...args);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(body);
  });

  test("acct -P gives a fixed number of fields", async () => {
    world.answers["GET /v1/invocations"] = () =>
      listOf(
        invocation({
          name: "a|b",
          state: "FAILED",
          exitCode: 3,
          startedAtMs: 1_700_000_000_000,
          endedAtMs: 1_700_000_001_500,
          wallMs: 1_500,
        }),
      );
    const { stdout } = await glean("acct", "-n", "-P", "-j", "42");
    const fields = stdout.trimEnd().split("|");
    expect(fields).toHaveLength(10);
    expect(fields.slice(0, 6)).toEqual(["42", "a?b", "ada", "2", "FAILED", "3:0"]);
    expect(fields.slice(8)).toEqual(["00:00:01.500", "3000"]);
    expect(world.requests.at(-1)!.url).toBe("/v1/invocations?ids=42&order=newest");
  });

  test("acct shows what of a leased worker's core-time is billed as held and as hot", async () => {
    const ended = { state: "COMPLETED", startedAtMs: 1, endedAtMs: 1_501 } as const;
    const lease = { ...ended, name: "lease f", wallMs: 1_500, cpuMs: 1_200, hotMs: 1_000 };
    world.answers["GET /v1/invocations"] = () => listOf(invocation(lease));
    const lines = (await glean("acct", "-j", "42")).stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.split(/ +/).slice(-3))).toEqual([
      ["CoreMs", "HeldMs", "HotMs"],
      ["3000", "1800", "1000"],
    ]);
    const { stdout } = await glean("acct", "-nP", "-j", "42", "-o", "CoreMs,HeldMs,HotMs");
    expect(stdout).toBe("3000|1800|1000\n");
  });

  test("acct shows the core-time that a call pays if it shared its worker", async () => {
    const shared = { id: 42, state: "COMPLETED", cores: 2, wallMs: 100, shareMs: 25 } as const;
    world.answers["GET /v1/invocations"] = () => listOf(invocation(shared));
    const [, line] = (await glean("acct", "-j", "42")).stdout.split("\n");
    expect(line!.trimEnd().split(/ +/).slice(-2)).toEqual(["00:00:00.100", "50"]);
    expect((await glean("acct", "-nP", "-j", "42", "-o", "CoreMs")).stdout).toBe("50\n");
  });

  test("report adoption says how often options were refused, and what a site may do", async () => {
    const lastDayMs = 1_700_000_000_000;
    const row = (option: string, times: number) => ({ option, times, users: 2, lastDayMs });
    const options = [row("time", 31), row("licenses", 4)];
    world.answers["GET /v1/adoption"] = () => ({ body: { fromMs: 0, toMs: 1, options } });
    const lines = (await glean("report", "adoption")).stdout.split("\n");
    expect(lines[1]).toMatch(/^--time {11}31 {6}2 {2}2023-11-1\d {2}it is longer than functions\./);
    expect(lines[2]).toMatch(/^--licenses {8}4 .* only Slurm counts licenses$/);
    world.answers["GET /v1/adoption"] = () => ({ body: { fromMs: 0, toMs: 1, options: [] } });
    expect((await glean("report", "adoption")).stdout).toMatch(/^No submission was refused/);
  });

  test("acct shows no exit code for an invocation that never ran", async () => {
    world.answers["GET /v1/invocations"] = () => listOf(invocation({ state: "CANCELLED" }));
    const { stdout } = await glean("acct", "-n", "-P", "-j", "42");
    expect(stdout.split("|")[5]).toBe("");
  });

  test("explain hole lists the unused cores of all nodes or of one", async () => {
    const hole = { node: "n1", cores: 5, part: "noDemand", why: "nothing waits" };
    world.answers["GET /v1/holes"] = () => ({ body: { idleCores: 8, holes: [hole] } });
    const { stdout } = await glean("explain", "hole", "n1");
    expect(stdout.split("\n")[1]).toBe("n1        5  noDemand  nothing waits");
    expect(world.requests.at(-1)!.url).toBe("/v1/holes?node=n1");
    world.answers["GET /v1/holes"] = () => ({ body: { idleCores: 8, holes: [] } });
    expect((await glean("explain", "hole")).stdout).toMatch(/functions run on all 8 idle cores/);
    world.answers["GET /v1/holes"] = () => ({ body: { idleCores: 0, holes: [] } });
    expect((await glean("explain", "hole")).stdout).toMatch(/No core is idle/);
  });

  test("report idle as text, CSV, JSON and a page: the parts sum to the idle core-time", async () => {
    world.answers["GET /v1/utilization"] = () => ({ body: utilization });
    const text = (await glean("report", "idle")).stdout;
    expect(text).toMatch(/^ {2}too short +600\.0 +16\.7 % {2}A job was planned/m);
    expect(text).not.toContain("memory");
    const csv = (await glean("report", "idle", "--csv")).stdout.trim().split("\r\n");
    expect(csv).toHaveLength(3);
    const [, idle, ...parts] = csv.at(-1)!.split(",").map(Number);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(idle);
    const report = JSON.parse((await glean("report", "idle", "--json")).stdout);
    expect(report).toMatchObject({ idleCoreMs: idle, parts: { useful: 2_000_000, memory: 0 } });
    await glean("report", "idle", "--html", "idle.html");
    expect(readFileSync(join(world.home, "idle.html"), "utf8")).toContain(
      "Where the idle time went",
    );
  });

  test("report utilization as text, CSV and a page", async () => {
    world.answers["GET /v1/utilization"] = () => ({ body: utilization });
    expect((await glean("report", "utilization")).stdout).toContain("n7");
    expect((await glean("report", "utilization", "--csv")).stdout).toContain("n7");
    const page = await glean("report", "utilization", "--html", "page.html");
    expect(page).toEqual({ status: 0, stdout: "Wrote page.html\n", stderr: "" });
    expect(readFileSync(join(world.home, "page.html"), "utf8")).toMatch(/^<!doctype html>/i);
    expectSentence(
      await glean("report", "utilization", "--html", "none/page.html"),
      1,
      /cannot write the page .*: give --html a file/,
    );
    expectSentence(await glean("report", "utilization", "--csv", "--json"), 2, /give only one/);
  });

  test("end without an error when their output is closed", async () => {
    world.answers["GET /v1/invocations"] = () =>
      listOf(...Array.from({ length: 5_000 }, (_, id) => invocation({ id, state: "RUNNING" })));
    const { child, end } = world.start(["queue"]);
    child.stdout!.destroy();
    expect(await end).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("exit statuses", () => {
  test("3 from every command that needs the daemon, if it does not listen", async () => {
    world.configure(1);
    for (const args of [["queue"], ["batch", "--wrap", "id"], ["info", "--json"]])
      expectSentence(await glean(...args), 3, /gleanerd does not answer on 127\.0\.0\.1 port 1 /);
  });

  test("doctor prints local checks without the daemon", async () => {
    world.configure(1);
    const { status, stdout } = await glean("doctor");
    expect(status).toBe(3);
    expect(stdout).toMatch(/configuration \(here\) +ok/);
    expect(stdout).toMatch(/munge \(here\) +ok +issues credentials/);
    expect(stdout).toMatch(/gleanerd +failed +gleanerd does not answer/);
  });

  test("doctor: 1 if a check of the daemon failed", async () => {
    const check = { name: "hook on n3", status: "failed", detail: "no answer" };
    world.answers["GET /v1/doctor"] = () => ({ body: { checks: [check] } });
    const { status, stdout } = await glean("doctor", "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout).checks).toHaveLength(4);
  });

  test("bill --csv: what leases held and spun, each in a column", async () => {
    const line = {
      ...{ uid: 1_000, user: "ada", otherNames: [], attempts: 2, coreMs: 9_000 },
      ...{ heldCoreMs: 6_000, hotCoreMs: 1_000, memoryMbMs: 70, amountMicroCredits: 12 },
    };
    world.answers["GET /v1/bill"] = () => ({ body: { lines: [line], total: line } });
    const { status, stdout } = await glean("bill", "--csv");
    expect([status, ...stdout.trimEnd().split(/\r?\n/)]).toEqual([
      0,
      "user,uid,attempts,coreMs,heldCoreMs,hotCoreMs,memoryMbMs,amountMicroCredits",
      "ada,1000,2,9000,6000,1000,70,12",
    ]);
    expect(await glean("bill", "--csv", "--json")).toMatchObject({ status: 2 });
  });

  test("bill --verify: 1 if the ledger does not balance", async () => {
    const check = {
      balanced: false,
      attempts: 2,
      postings: 1,
      ledgerMicroCredits: 1,
      recomputedMicroCredits: 2_000_001,
      head: { sequence: 1, seal: "ab" },
      differences: ["42 attempt 1 has no posting"],
    };
    world.answers["GET /v1/bill/verify"] = () => ({ body: check });
    const { status, stdout, stderr } = await glean("bill", "--verify");
    expect(status).toBe(1);
    expect(stdout).toBe("42 attempt 1 has no posting\n");
    expect(stderr).toMatch(/it holds 0\.000001 credits and the attempts add up to 2\.000001/);
    world.answers["GET /v1/bill/verify"] = () => ({ body: { ...check, balanced: true } });
    expect(await glean("bill", "--verify")).toMatchObject({
      status: 0,
      stdout: "The ledger balances: 2 attempts, 1 posting, 0.000001 credits\nIts head: 1:ab\n",
    });
    expect(await glean("bill", "--head", "1:ab")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--head is for --verify"),
    });
  });

  test("cancel: 1 with the daemon's sentence if a cancellation failed", async () => {
    world.answers["POST /v1/cancel"] = () => ({
      body: { cancelled: 0, problems: ["43 belongs to bob"] },
    });
    expectSentence(await glean("cancel", "42_[1-2]", "43"), 1, /^glean: 43 belongs to bob\n$/);
    expect(world.requests.at(-1)!.body).toEqual({ ids: ["42_1", "42_2", "43"] });
  });

  test("2 without a command, with the commands that one needs", async () => {
    const { status, stdout, stderr } = await glean();
    expect({ status, stderr }).toEqual({ status: 2, stderr: "" });
    expect(stdout).toMatch(/glean batch job\.sh .*\n[\s\S]*glean --help lists all commands/);
  });

  test("1 if another program answers instead of gleanerd", async () => {
    world.answers["POST /v1/token"] = () => ({ body: "<html>" });
    expectSentence(await glean("queue"), 1, /does not answer as gleanerd does/);
  });

  test.each<[string[], RegExp]>([
    [["bacth"], /unknown command bacth; did you mean batch\?/],
    [["que"], /unknown command que; did you mean queue\?/],
    [["help", "bacth"], /unknown command bacth; did you mean batch\?/],
    [["queue", "--jsno"], /unknown option '--jsno'.*--json/],
    [["queue", "-t", "SLEEPING"], /-t: invalid state "SLEEPING"/],
    [["queue", "extra"], /too many arguments/],
    [["cancel"], /nothing selected to cancel/],
    [["show"], /missing required argument/],
    [["show", "42_[1-2]"], /names several/],
    [["explain", "../token"], /is neither an id nor a node/],
    [["explain", "5_[1-2%1]"], /"5_\[1-2\]" names several ids: expected one, 42 or 42_7/],
    [["explain", "n1", "n2"], /unexpected argument/],
    [["explain", "hole", "n1;x"], /is not a node/],
    [["drain", "n1;reboot"], /invalid node .*: expected n1, n\[1-3\] or all/],
    [["acct", "-S", "soon"], /-S: invalid time "soon"/],
    [["acct", "-S", "now", "-E", "now-1hour"], /the period ends before it starts/],
    [["report", "weather"], /unknown report "weather"/],
  ])("2 for %j", async (args, sentence) => expectSentence(await glean(...args), 2, sentence));

  test("0 for --version and --help, without a configuration", async () => {
    world.environment.GLEANER_CONF = "/nowhere";
    expect(await glean("--version")).toMatchObject({ status: 0, stdout: "1.2.3\n" });
    const help = await glean("--help");
    expect(help.status).toBe(0);
    for (const name of ["batch", "queue", "doctor", "Examples:"])
      expect(help.stdout).toContain(name);
    expect((await glean("batch", "--help")).stdout).toContain("--cpus-per-task");
    expect(await glean("help")).toEqual(help);
    expect(await glean("help", "batch")).toEqual(await glean("batch", "--help"));
    expect(await glean("help", "run", "ls")).toEqual(await glean("run", "--help"));
    expect(await glean("--config", "none.yaml", "help")).toEqual(help);
    const ofBatch = await glean("--config=none.yaml", "help", "batch");
    expect(ofBatch).toEqual(await glean("batch", "--help"));
  });

  test.each([["--version"], ["--help"], ["batch", "--help"], ["as", "sbatch", "--help"]])(
    "1 if %s %s %s cannot be printed, and 0 if nobody reads it any more",
    (...args) => {
      const program = [process.execPath, join(world.folder, "glean.cjs"), ...args];
      const sh = (line: string) =>
        spawnSync("sh", ["-c", line, ...program], { env: world.environment, encoding: "utf8" });
      expect(sh('exec "$0" "$@" >/dev/full')).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^glean: cannot write the output: ENOSPC[^\n]*\n$/),
      });
      // Opening it waits until the reader is gone and its end is all that there is.
      const unread = 'mkfifo unread; exec 3<>unread 4>unread 3<&-; exec "$0" "$@" >&4';
      expect(sh(`cd "$HOME"; ${unread}`)).toMatchObject({ status: 0, stderr: "" });
    },
  );
});
