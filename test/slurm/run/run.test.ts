// glean run and glean shell on real Slurm, in a real terminal (tmux): streams, signals, evictions,
// a gleanerd that restarts, a client that is killed.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { ensureInstalled } from "../../../scripts/cluster/cluster.js";
import { findAccount } from "../../../scripts/cluster/command.js";
import { type TestSite, testSite, user } from "../../support/site/site.js";

jest.setTimeout(120_000);
let at: TestSite;
let tmux: string;

beforeAll(async () => {
  await ensureInstalled(["tmux=tmux"]);
  tmux = mkdtempSync(join(tmpdir(), "gleaner-tmux-"));
  at = await testSite({
    nodes: 2,
    cpus: 4,
    memoryMb: 8_000,
    // A user with a login shell is on every machine only as root.
    config: { poll: { intervalMs: 500 }, access: { allowRootFunctions: true } },
  });
  await at.until("executors", async () => {
    const { nodes } = await at.info();
    return nodes.every(({ executor }) => executor?.state === "ready") || undefined;
  });
}, 180_000);
afterAll(async () => {
  inTmux("kill-server");
  rmSync(tmux, { recursive: true, force: true });
  await at?.site.stop();
});

class Started {
  out = "";
  err = "";
  readonly exit: Promise<number | NodeJS.Signals>;
  constructor(readonly child: ChildProcess) {
    child.stdout!.on("data", (bytes) => {
      this.out += bytes;
    });
    child.stderr!.on("data", (bytes) => {
      this.err += bytes;
    });
    this.exit = once(child, "close").then(([code, signal]) => code ?? signal);
  }
  printed = (text: string) =>
    at.until(`${text} in ${this.out}`, () => this.out.includes(text) || undefined);
}

/** `glean run` as a user, with its streams. */
function run(args: readonly string[], input = ""): Started {
  const { uid, gid, env } = findAccount(user);
  const { cli, config } = at.site.files;
  const child = spawn(process.execPath, [cli, "--config", config, "run", ...args], {
    cwd: at.work,
    env: { ...at.site.cluster.env, ...env },
    uid,
    gid,
  });
  child.stdin.end(input);
  return new Started(child);
}

/** Commands of users that contain the word, by /proc. */
const left = (word: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      const line = readFileSync(join("/proc", pid, "cmdline"), "latin1");
      return /^\d+$/.test(pid) && line.startsWith("sleep\0") && line.includes(word);
    } catch {
      return false;
    }
  });
const noneLeft = (word: string) =>
  at.until("no process", () => left(word).length === 0 || undefined);

test("output, errors and input are those of the command; its status is the highest", async () => {
  const script = 'read line; echo "$SLURM_PROCID got $line"; echo e >&2; exit $SLURM_PROCID';
  const ran = run(["-n", "3", "-l", "--mem=300M", "sh", "-c", script], "words\n");
  expect(await ran.exit).toBe(2);
  const sorted = (text: string) => text.trim().split("\n").toSorted();
  expect(sorted(ran.out)).toEqual(["0: 0 got words", "1: 1 got words", "2: 2 got words"]);
  expect(sorted(ran.err).filter((line) => !line.startsWith("glean: "))).toEqual([
    "0: e",
    "1: e",
    "2: e",
  ]);
  const copied = run(["cat"], "x".repeat(3_000_000));
  expect([await copied.exit, copied.out.length, copied.err]).toEqual([0, 3_000_000, ""]);
});

test("files get what the tasks print; one that cannot be written is said, and nothing runs", async () => {
  const files = ["-n2", "-l", "-o", "run-%j-%t.%N", "-e", "run-errors"];
  const ran = run([...files, "sh", "-c", "echo $SLURM_JOB_ID; echo e >&2"]);
  expect([await ran.exit, ran.out]).toEqual([0, ""]);
  const names = readdirSync(at.work).filter((name) => name.startsWith("run-"));
  expect(names.toSorted().join(" ")).toMatch(/^run-(\d+)-0\.n\d run-\1-1\.n\d run-errors$/);
  const text = (name: string) => readFileSync(join(at.work, name), "utf8");
  const one = names.find((name) => name.includes("-1."))!;
  expect(text(one)).toBe(`1: ${one.split("-")[1]}\n`);
  expect(text("run-errors").split("\n").toSorted()).toEqual(["", "0: e", "1: e"]);
  const refused = run(["-o", "missing/%j", "touch", join(at.work, "ran")]);
  expect([await refused.exit, existsSync(join(at.work, "ran"))]).toEqual([1, false]);
  expect(refused.err).toMatch(
    /^glean: cannot write \S+missing\/\d+: no such file or directory: .*\n$/,
  );
  const full = run(["-o", "/dev/full", "echo", "x"]);
  expect([await full.exit, full.err.match(/no space left on device/g)?.length]).toEqual([1, 1]);
});

test("a run goes on while gleanerd is killed and started again", async () => {
  const ran = run(["sh", "-c", "echo up; read x </proc/self/fd/0; sleep 2.5; echo still here"]);
  await ran.printed("up");
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  expect([await ran.exit, ran.out]).toEqual([0, "up\nstill here\n"]);
});

test("signals: SIGTERM is passed on, a first SIGINT shows the tasks, a second one ends them", async () => {
  const told = run([
    "sh",
    "-c",
    "trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.1; done",
  ]);
  await told.printed("up");
  told.child.kill("SIGTERM");
  expect([await told.exit, told.out]).toEqual([7, "up\ntold\n"]);
  const ended = run(["-n", "2", "sh", "-c", "echo up; exec sleep 71001"]);
  await ended.printed("up\nup");
  ended.child.kill("SIGINT");
  await at.until("the state", () => ended.err.includes("tasks 0-1 running") || undefined);
  ended.child.kill("SIGINT");
  expect(await ended.exit).toBe(130);
  await noneLeft("71001");
});

test("a run that was evicted starts again, unless it had printed something", async () => {
  // Both nodes are taken, so it does not matter who is where.
  const printed = run(["sh", "-c", "echo printed; exec sleep 71002"]);
  await printed.printed("printed");
  const silent = run([
    "sh",
    "-c",
    "touch silent-runs; [ $GLEANER_ATTEMPT -gt 1 ] || exec sleep 71002; echo attempt $GLEANER_ATTEMPT",
  ]);
  // Before that it may be evicted without a connection to it, and has nothing to say.
  await at.until("the second", () => existsSync(join(at.work, "silent-runs")) || undefined);
  await at.sbatch(["-N2", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]);
  expect(await printed.exit).toBe(75);
  expect(printed.err).toMatch(/was evicted from n\d after it had printed or read something/);
  expect(await silent.exit).toBe(0);
  expect(silent.out).toMatch(/^attempt [2-9]\n$/);
  expect(silent.err).toContain("it starts again");
  await noneLeft("71002");
});

test("the tasks of a killed client end within seconds, and so does its invocation", async () => {
  const ran = run(["-J", "orphan", "sh", "-c", "trap '' HUP TERM; echo up; exec sleep 71003"]);
  await ran.printed("up");
  ran.child.kill("SIGKILL");
  await noneLeft("71003");
  await at.until("its end", async () => {
    const { stdout } = await at.site.glean(["queue", "-h", "-n", "orphan"], { user });
    return stdout === "" || undefined;
  });
});

/** Its configuration and socket are its own. */
const inTmux = (...args: string[]): string => {
  const socket = ["-S", join(tmux, "socket"), "-f", "/dev/null"];
  try {
    return execFileSync("tmux", [...socket, ...args], { encoding: "utf8", stdio: "pipe" });
  } catch (thrown) {
    return String(thrown);
  }
};
const type = (...keys: string[]) => inTmux("send-keys", "-t", "run", ...keys);
const screen = () => inTmux("capture-pane", "-p", "-t", "run");
const shows = async (pattern: RegExp) => {
  try {
    return await at.until(String(pattern), () => pattern.exec(screen()) ?? undefined);
  } catch (cause) {
    throw new Error(`the screen does not show ${pattern}:\n${screen()}`, { cause });
  }
};

test("a shell in a terminal: size, job control, UTF-8, notice, and a clean end", async () => {
  const { cli, config } = at.site.files;
  const glean = `${process.execPath} ${cli} --config ${config}`;
  // Without what root's own start-up files do.
  const home = ["-e", `HOME=${tmux}`, "-e", "LC_ALL=C.UTF-8"];
  inTmux("new-session", "-d", "-s", "run", "-x", "90", "-y", "30", ...home, "exec sh");
  await shows(/[$#]/);
  type("PS1='here> '", "Enter");
  await shows(/^here>/m);
  type(`${glean} shell -t 60 --mem=300M; echo ended with $?`, "Enter");
  await shows(/[$#]$/m);
  type("PS1='there> '; stty size; echo grüße ✓ | cat; tty", "Enter");
  await shows(/30 90\ngrüße ✓\n\/dev\/pts\/\d+\nthere>/);
  type("sleep 71004", "Enter");
  await at.until("the sleep", () => left("71004").length > 0 || undefined);
  type("C-z");
  await shows(/Stopped +sleep 71004\nthere>/);
  type("bg %1; jobs", "Enter");
  await shows(/Running +sleep 71004 &\nthere>/);
  inTmux("resize-window", "-t", "run", "-x", "100", "-y", "25");
  type("until stty size | grep 100; do sleep 0.1; done", "Enter");
  await shows(/^25 100\n/m);
  type("exit 5", "Enter");
  // Bash warns of what runs only if it is stopped.
  await shows(/ended with 5\nhere>/);
  await noneLeft("71004");
  // The terminal is as it was.
  type("stty -a | grep -o ' icanon'", "Enter");
  await shows(/ icanon\nhere>/);
  type(`${glean} shell -t 3s; echo ended with $?`, "Enter");
  await shows(/glean: job \d+ reaches its time limit within [1-3] s: save your work/);
  await shows(/reached its time limit of 3000 ms\nended with \d+\nhere>/);
});
