// Checkpoint folders in a directory where others may rename entries: glean-spawn accepts no other
// folder in their place.

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makePlugin } from "../../support/executor/plugin.js";
import { SpawnFolder } from "../../support/executor/spawn.js";

const asRoot = process.getuid?.() === 0 ? test : test.skip;

let at: SpawnFolder;
let state: string;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
  state = at.file("state-1");
});
afterEach(() => at.remove());

const mark = ".gleaner-checkpoint";
/** As the function's user, who has the folder at hand. */
const run = (script: string, checkpoint = true) =>
  at.finish(at.command(["sh", "-c", script, state], checkpoint ? [["checkpoint", state]] : []));
const remove = (path = state) => at.finish(at.command([], [["removeCheckpoint", path]]));
const own = (name: string) => run(`mkdir -m 700 ${name} && echo precious > ${name}/data`, false);
const kept = (name: string) => fs.readFileSync(at.file(`${name}/data`), "utf8");

describe("another user's folder in place of the checkpoint folder", () => {
  test("is not removed", async () => {
    await run('echo 1 > "$0/n"');
    await own("thesis");
    fs.renameSync(state, at.file("aside"));
    fs.renameSync(at.file("thesis"), state);
    const said = (await remove()).join(" ");
    expect(said).toMatch(
      /^failed checkpoint 1 .*is not the checkpoint folder that was created there/,
    );
    expect(kept("state-1")).toBe("precious\n");
  });

  test("is not removed as a copy of the folder either", async () => {
    await run(`cp -a "$0" copy && echo precious > copy/data`);
    fs.renameSync(state, at.file("aside"));
    fs.renameSync(at.file("copy"), state);
    expect((await remove())[0]).toBe("failed");
    expect(kept("state-1")).toBe("precious\n");
  });

  test("is neither used nor marked by the next attempt", async () => {
    await own("thesis");
    fs.renameSync(at.file("thesis"), state);
    const said = (await run("true")).join(" ");
    expect(said).toMatch(/^failed checkpoint 17 .*contains files and no mark for this place/);
    expect(fs.readdirSync(state)).toEqual(["data"]);
  });

  test("is not removed through a link", async () => {
    await own("thesis");
    fs.symlinkSync(at.file("thesis"), state);
    expect((await remove())[0]).toBe("failed");
    expect(kept("thesis")).toBe("precious\n");
  });

  test("is not removed when its mark is another user's", async () => {
    await run("true");
    await own("thesis");
    const { ino } = fs.statSync(at.file("thesis"));
    fs.writeFileSync(at.file(`thesis/${mark}`), `state-1 ${ino}\n`, { mode: 0o600 });
    fs.renameSync(state, at.file("aside"));
    fs.renameSync(at.file("thesis"), state);
    const isOurs = process.getuid?.() !== 0;
    expect((await remove())[0]).toBe(isOurs ? "ended" : "failed");
  });
});

describe("the checkpoint folder", () => {
  test("is removed with its whole content, however deep, without following links", async () => {
    await own("thesis");
    const script = `cd "$0"; mkdir -p a/b; ln -s ../../thesis a/link; ln -s /nowhere dangling; mkfifo pipe
for i in $(seq 200); do mkdir deep; echo x > deep/file; cd deep; done`;
    expect((await run(script)).slice(0, 3)).toEqual(["ended", "0", "0"]);
    expect((await remove()).slice(0, 3)).toEqual(["ended", "0", "0"]);
    expect(fs.existsSync(state)).toBe(false);
    expect(kept("thesis")).toBe("precious\n");
  });

  test("is not emptied through a mount inside it, not even one of the same file system", async () => {
    await own("thesis");
    await run('mkdir -p "$0/a/b"');
    const inside = at.file("state-1/a/b");
    // Only root can mount.
    if (spawnSync("mount", ["--bind", at.file("thesis"), inside]).status !== 0) return;
    try {
      expect((await remove()).join(" ")).toMatch(/^failed checkpoint 18 .* removed completely/);
      expect(kept("thesis")).toBe("precious\n");
    } finally {
      spawnSync("umount", [inside]);
    }
    expect((await remove())[0]).toBe("ended");
    expect(fs.existsSync(state)).toBe(false);
  });

  test("causes no error if it is missing or empty", async () => {
    expect((await remove())[0]).toBe("ended");
    expect((await remove("/no/such/folder"))[0]).toBe("ended");
    await run("mkdir -m 700 empty", false);
    expect((await remove(at.file("empty")))[0]).toBe("ended");
    expect(fs.existsSync(at.file("empty"))).toBe(false);
  });

  test("of an interrupted removal is removed by the next one", async () => {
    await run('rm -f "$0"/.gleaner-checkpoint; mkdir "$0/a"');
    expect((await remove())[0]).toBe("failed"); // without a mark it could be anything
    await run('rmdir "$0/a"', false);
    expect((await remove())[0]).toBe("ended");
    expect(fs.existsSync(state)).toBe(false);
  });

  test("is removed with folders that their owner may not change or enter", async () => {
    await run('mkdir "$0/a" "$0/b"; touch "$0/a/file"; chmod 500 "$0/a"; chmod 0 "$0/b"');
    expect((await remove())[0]).toBe("ended");
    expect(fs.existsSync(state)).toBe(false);
  });

  asRoot("stays marked if it cannot be emptied, with the reason", async () => {
    await run("true");
    fs.mkdirSync(`${state}/others/file`, { recursive: true });
    expect((await remove()).join(" ")).toMatch(
      /^failed checkpoint 13 .* cannot be removed completely/,
    );
    fs.rmdirSync(`${state}/others/file`);
    expect((await remove())[0]).toBe("ended");
    expect(fs.existsSync(state)).toBe(false);
  });
});

test("a request names either a command or a folder to remove", async () => {
  for (const args of [["true"], []]) {
    const fields = args.length > 0 ? [["removeCheckpoint", state] as [string, string]] : [];
    expect((await at.finish(at.command(args, fields))).slice(0, 2)).toEqual(["failed", "request"]);
  }
});
