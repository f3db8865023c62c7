// The folder for temporary files that glean-spawn makes for a command, and what is left of it:
// after its end, after the end of the executor, and after a sweep.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { isGone } from "../../../scripts/cluster/processes/gone.js";
import { afterPatience } from "../../../scripts/lib/patience.mjs";
import { errorCodeOf } from "../../../src/model/errors.js";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";
import { type Field, SpawnFolder } from "../../support/executor/spawn.js";
import { childrenOf } from "../../support/launch/sshd.js";

const program = path.join(pluginFolder, "glean-spawn");
let at: SpawnFolder;
let base: string;
let own: string;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
  base = at.file("base");
  own = path.join(base, "1");
  fs.mkdirSync(base);
  fs.chmodSync(base, 0o711);
});
afterEach(() => at.remove());

const command = (script: string, more: readonly Field[] = []) =>
  at.command(["sh", "-c", script], [["temporary", own], ...more]);

/** What people leave behind: deep folders, and some that their owner may not change or read. */
const litter =
  "cd $TMPDIR; mkdir -p a/b/c shut closed; echo 1 > a/b/c/d; echo 1 > shut/x; ln -s / root;" +
  " chmod 500 shut a; chmod 0 closed";

describe("a command's own folder", () => {
  test("is its TMPDIR, private to it, and gone at its end with all that is in it", async () => {
    fs.writeFileSync(at.file("kept"), "kept");
    const said = await at.finish(command(`stat -c '%a %U' $TMPDIR; echo $TMPDIR; ${litter}`));
    expect(said.slice(0, 3)).toEqual(["ended", "0", "0"]);
    expect(at.output()).toMatch(new RegExp(`^700 \\S+\n${own}\n$`));
    expect(fs.readdirSync(base)).toEqual([]);
    expect(fs.readFileSync(at.file("kept"), "utf8")).toBe("kept");
  });

  test("has the script beside it, under Slurm's name and for its user alone, until the end", async () => {
    const script = [
      "#!/bin/bash",
      "exec 3</dev/null",
      'at=$(dirname "$0"); echo "$0|$1|$(basename "$BASH_SOURCE")"',
      'cat "$0" | wc -l; stat -c %a "$0" "$at"; ls -A "$TMPDIR" "$at"',
    ].join("\n");
    const said = await at.finish(
      at.command(
        ["script", "word"],
        [
          ["temporary", own],
          ["script", script],
        ],
      ),
    );
    expect(said.slice(0, 3)).toEqual(["ended", "0", "0"]);
    const file = `${own}.job/slurm_script`;
    expect(at.output()).toBe(
      `${file}|word|slurm_script\n3\n700\n750\n${own}:\n\n${own}.job:\nslurm_script\n`,
    );
    expect(fs.readdirSync(base)).toEqual([]);
  });

  test("is gone after a command that could not start, too", async () => {
    const said = await at.finish(at.command(["no-such-program"], [["temporary", own]]));
    expect(said.slice(0, 2)).toEqual(["failed", "exec"]);
    expect(fs.readdirSync(base)).toEqual([]);
  });

  test("is gone after the command was killed", async () => {
    const pipe = at.fifo();
    const attempt = at.launch(
      command(`${litter}; echo ready; sleep 1000`, [["stdout", pipe.name]]),
    );
    const reader = pipe.open();
    expect(await reader.line()).toBe("ready");
    attempt.control.write("K");
    await attempt.all();
    expect(fs.readdirSync(base)).toEqual([]);
  });

  test.each([
    ["the node's /tmp if it has none", "", "/tmp"],
    ["its user's, if that is there", "work", "work"],
    ["its own, if its user's is not there", "gone", "own"],
    ["its own, if its user's is where all have theirs", "", "own"],
  ])("TMPDIR is %s", async (_, name, expected) => {
    fs.mkdirSync(at.file("work"));
    fs.chmodSync(at.file("work"), 0o777);
    const env: Field[] = expected === "/tmp" ? [] : [["env", `TMPDIR=${at.file(name)}`]];
    const request =
      expected === "/tmp" ? at.command(["sh", "-c", "echo $TMPDIR"]) : command("echo $TMPDIR", env);
    await at.finish(request);
    const paths: Record<string, string> = { own, work: at.file("work") };
    expect(at.output().trim()).toBe(paths[expected] ?? expected);
  });

  test("needs the space that was asked for", async () => {
    const said = await at.finish(command("true", [["temporaryMb", "1000000000"]]));
    expect(said.join(" ")).toMatch(
      /^failed temporary 27 it needs 1000000000 MB for temporary files, but \d+ MB are free: ask for less with --tmp$/,
    );
    expect((await at.finish(command("true", [["temporaryMb", "1"]])))[0]).toBe("ended");
  });

  test.each([
    ["there is no room", "size=4k,nr_inodes=1", "No space left on device"],
    ["nothing can be written", "ro", "Read-only file system"],
  ])("is named where %s", async (_what, options, reason) => {
    execFileSync("mount", ["-t", "tmpfs", "-o", `${options},mode=711`, "none", base]);
    try {
      const said = await at.finish(command("true"));
      expect(said.slice(0, 2)).toEqual(["failed", "temporary"]);
      expect(said.join(" ")).toMatch(
        `the folder ${own} for temporary files cannot be made: ${reason}`,
      );
    } finally {
      execFileSync("umount", ["-l", base]);
    }
  });

  test("is not made where another user could put theirs", async () => {
    fs.chmodSync(base, 0o777);
    const said = await at.finish(command("true"));
    expect(said.slice(0, 2)).toEqual(["failed", "temporary"]);
    expect(fs.readdirSync(base)).toEqual([]);
  });

  // Whoever puts a link in place of a folder that was removed would have one made elsewhere.
  test("is not made behind a link, and nothing is swept there", async () => {
    const behind = at.file("behind");
    fs.renameSync(base, behind);
    fs.symlinkSync(behind, base);
    fs.mkdirSync(path.join(behind, "2"));
    const said = await at.finish(command("true"));
    expect(said.slice(0, 2)).toEqual(["failed", "temporary"]);
    for (const link of [base, `${base}/`])
      expect(spawnSync(program, ["--sweep", link]).status).toBe(1);
    expect(fs.readdirSync(behind)).toEqual(["2"]);
  });
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

// The kernel lets them: the process that empties a folder is its owner's.
asRoot("a sweep goes on if a user stops the removal of theirs", async () => {
  let swept: { status: number | null; left: number } | null = null;
  // On a busy machine a removal may be over before it is stopped: that one shows nothing.
  while (swept === null) swept = await sweepWithOneStopped();
  expect(swept).toEqual({ status: 1, left: 1 });
});

/** null: all was removed before a removal could be stopped. */
async function sweepWithOneStopped() {
  for (const theirs of [own, path.join(base, "2")]) {
    fs.mkdirSync(theirs, { recursive: true });
    for (let file = 0; file < 5_000; file++) fs.writeFileSync(path.join(theirs, `${file}`), "");
    fs.chownSync(theirs, 65534, 65534);
  }
  const sweep = spawn(program, ["--sweep", base]);
  const ended = once(sweep, "close");
  const late = afterPatience(30_000, () => sweep.kill("SIGKILL"));
  try {
    let emptying: number | undefined;
    while (emptying === undefined && !isGone(sweep.pid!)) [emptying] = childrenOf(sweep.pid!);
    if (emptying !== undefined) stop(emptying);
    const [status] = (await ended) as [number | null];
    const left = fs.readdirSync(base).length;
    return status === 0 && left === 0 ? null : { status, left };
  } finally {
    clearTimeout(late);
  }
}

/** Unless it has ended. */
function stop(pid: number): void {
  try {
    process.kill(pid, "SIGSTOP");
  } catch (thrown) {
    if (errorCodeOf(thrown) !== "ESRCH") throw thrown;
  }
}

test("a sweep removes what is left after glean-spawn was killed with its supervisors", async () => {
  const pipe = at.fifo();
  const attempt = at.launch(
    command(`${litter}; echo ready; exec sleep 1000`, [["stdout", pipe.name]]),
  );
  const reader = pipe.open();
  expect(await reader.line()).toBe("ready");
  await attempt.next();
  process.kill(attempt.supervisor(), "SIGKILL");
  attempt.child.kill("SIGKILL");
  await reader.ended;
  await attempt.exit;
  expect(fs.readdirSync(base)).toEqual(["1"]);
  fs.mkdirSync(path.join(base, "2"));
  fs.mkdirSync(path.join(base, "3.job"));
  fs.writeFileSync(path.join(base, "3.job/slurm_script"), "#!/bin/sh\n");
  execFileSync(program, ["--sweep", base]);
  expect(fs.existsSync(base)).toBe(false);
});
