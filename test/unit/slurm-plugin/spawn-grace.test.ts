// What glean-spawn does for functions that save their state: the notice that they requested, and
// the folder that outlives them.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { until } from "../../support/executor/executor.js";
import { makePlugin } from "../../support/executor/plugin.js";
import { type Field, SpawnFolder } from "../../support/executor/spawn.js";

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;

let at: SpawnFolder;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
});
afterEach(() => at.remove());

describe("the notice", () => {
  /**
   * Runs a script whose first line of output says that it is ready for the signal; resolves with
   * all its lines and the last report.
   */
  async function told(script: string, fields: readonly Field[]) {
    const pipe = at.fifo();
    const attempt = at.launch(
      at.command(["bash", "-c", script], [["stdout", pipe.name], ...fields]),
    );
    const reader = pipe.open();
    expect(await reader.line()).toBe("up");
    attempt.control.write("N");
    const lines: string[] = [];
    for (let line = await reader.line(); line !== "undefined"; line = await reader.line())
      lines.push(line);
    return { lines, report: (await attempt.all()).at(-1)!.split(" ").slice(0, 3).join(" ") };
  }
  const usr1: Field = ["notice", "10"];

  test("goes to a shell with a trap and to what it runs", async () => {
    const { lines, report } = await told(
      // The child says that it is up: a shell that receives the signal before it has started one
      // waits for it all the same.
      `trap "echo told; exit 5" USR1; perl -e '$| = 1; print "up\\n"; sleep 1000'; echo never`,
      [usr1],
    );
    expect(lines).toEqual(["told"]);
    expect(report).toBe("ended 5 0");
  });

  test("spares a shell without a trap, so that what it runs can save its state", async () => {
    const child = `perl -e '$SIG{USR1} = sub { print "saved\\n"; exit 3 }; $| = 1; print "up\\n"; sleep 1000'`;
    const { lines, report } = await told(`${child}; echo "then $?"; exit 4`, [usr1]);
    expect(lines).toEqual(["saved", "then 3"]);
    expect(report).toBe("ended 4 0");
  });

  test("kills a command without a handler that is alone", async () => {
    const { report } = await told("echo up; exec sleep 1000", [usr1]);
    expect(report).toBe("ended 0 10");
  });

  test("goes to the command alone if requested", async () => {
    const { lines, report } = await told(
      'trap "echo told; kill %1; exit 0" USR1; sleep 1000 & echo up; wait; kill -0 $! && echo lives',
      [usr1, ["noticeMain", "1"]],
    );
    expect(lines).toEqual(["told"]);
    expect(report).toBe("ended 0 0");
  });

  test("is not sent to a command that did not request one", async () => {
    const pipe = at.fifo();
    const attempt = at.launch(
      at.command(["bash", "-c", "echo up; exec sleep 1000"], [["stdout", pipe.name]]),
    );
    expect(await pipe.open().line()).toBe("up");
    attempt.control.write("NT");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 15 /);
  });

  test.each(["0", "65", "TERM", ""])("cannot be signal %j", async (signal) => {
    const words = await at.finish(at.command(["true"], [["notice", signal]]));
    expect(words.slice(0, 2)).toEqual(["failed", "request"]);
  });
});

describe("a signal", () => {
  /** A script whose child and task of a step, each of which says what it gets, wait with it. */
  const script = `say() { echo "$1" >>"$0"; }
trap 'say script' USR1
wait_for() { perl -e '$SIG{USR1} = sub { print "$ARGV[0]\n" }; $| = 1; print "up\n"; sleep 1 while 1' $1; }
wait_for child >>"$0" &
SLURM_STEP_ID=0 wait_for task >>"$0" &
while :; do wait; done`;

  test.each([
    ["M", ["script"]],
    ["S", ["task"]],
    ["C", ["child", "task"]],
    ["A", ["child", "script", "task"]],
  ])("for %s reaches %j", async (reach, expected) => {
    const output = at.file("said");
    fs.writeFileSync(output, "");
    fs.chmodSync(output, 0o666);
    const attempt = at.launch(at.command(["bash", "-c", script, output]));
    const said = () => fs.readFileSync(output, "utf8").split("\n").slice(0, -1).toSorted();
    await until(() => said().length === 2);
    attempt.control.send("S", [10, reach.charCodeAt(0)]);
    await until(() => said().length >= 2 + expected.length);
    // What comes second is the proof that nobody else gets the first.
    attempt.control.send("S", [10, "A".charCodeAt(0)]);
    await until(() => said().length >= 5 + expected.length);
    expect(said()).toEqual([...expected, "child", "script", "task", "up", "up"].toSorted());
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
  });

  test.each([
    ["0", [0, 65]],
    ["65", [65, 65]],
    ["for nobody", [10, 66]],
    ["without a reach", [10]],
  ])("%s is no frame: the server exits and everything ends", async (_, body) => {
    const attempt = at.launch(at.command(["sleep", "1000"]));
    expect(await attempt.next()).toMatch(/^started /);
    attempt.control.send("S", body);
    expect(await attempt.exit).toBe(3);
  });
});

describe("the checkpoint folder", () => {
  const folder = () => at.file("state");
  const field = (): Field => ["checkpoint", folder()];

  test("is created as the user, private to the user, and found again", async () => {
    const write = at.command(["sh", "-c", 'umask 0; echo 1 >>"$0/n"', folder()], [field()]);
    expect((await at.finish(write))[1]).toBe("0");
    expect((await at.finish(write))[1]).toBe("0");
    expect(fs.readFileSync(`${folder()}/n`, "utf8")).toBe("1\n1\n");
    const { mode, uid } = fs.statSync(folder());
    expect(mode & 0o7777).toBe(0o700);
    expect(uid).toBe(isRoot ? 65_534 : process.getuid!());
  });

  /** What stands under the folder's name, and what is said of it. */
  const refused = async (sentence: RegExp) => {
    const words = await at.finish(at.command(["touch", at.file("ran")], [field()]));
    expect(words.join(" ")).toMatch(sentence);
    expect(fs.existsSync(at.file("ran"))).toBe(false);
  };

  test("may not be a link, even to the user's own folder", async () => {
    fs.mkdirSync(at.file("own"), { mode: 0o700 });
    if (isRoot) fs.chownSync(at.file("own"), 65_534, 65_534);
    fs.symlinkSync(at.file("own"), folder());
    await refused(/^failed checkpoint \d+ the checkpoint folder .* cannot be opened/);
  });

  test("may not be a dangling link, through which nothing is created", async () => {
    fs.symlinkSync(at.file("made"), folder());
    await refused(/^failed checkpoint \d+ .* cannot be opened/);
    expect(fs.existsSync(at.file("made"))).toBe(false);
  });

  test("may not be a file or a FIFO, which would hang", async () => {
    execFileSync("mkfifo", ["-m", "666", folder()]);
    await refused(/^failed checkpoint \d+ .* cannot be opened/);
  });

  test("may not be open to others", async () => {
    fs.mkdirSync(folder());
    fs.chmodSync(folder(), 0o711);
    if (isRoot) fs.chownSync(folder(), 65_534, 65_534);
    await refused(/^failed checkpoint 1 .* belongs to another user or is open to others/);
  });

  asRoot("is no folder of another user's", async () => {
    fs.mkdirSync(folder());
    fs.chmodSync(folder(), 0o700);
    await refused(/^failed checkpoint \d+ .* cannot be opened/);
  });

  test("may not be where the user cannot write", async () => {
    const words = await at.finish(at.command(["true"], [["checkpoint", "/proc/gleaner-state"]]));
    expect(words.join(" ")).toMatch(/^failed checkpoint \d+ .* cannot be created/);
  });

  test.each(["", "relative/path"])("cannot be %j", async (path) => {
    const words = await at.finish(at.command(["true"], [["checkpoint", path]]));
    expect(words.slice(0, 2)).toEqual(["failed", "request"]);
  });
});
