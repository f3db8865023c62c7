// Whether an executor trusts that slurmd runs the plugin: plugstack.conf with its includes, and
// what slurmd has mapped.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { findPlugin } from "../../../../src/executor/hook/plugin-probe.js";
import { nodeName } from "../../../../src/model/ids.js";

let folder: string;
let plugin: string;
let stack: string;
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "glean-plugin-")));
  plugin = path.join(folder, "gleaner.so");
  stack = path.join(folder, "plugstack.conf");
  write("gleaner.so", "");
  write("plugstack.conf", `optional ${plugin} conf=/etc/x # ours\n`);
  slurmd(11, ["/usr/sbin/slurmd", "-D"], [`7f00-7f01 r-xp 0 fe:00 5    ${plugin}`]);
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

function slurmd(pid: number, command: string[], maps: string[], comm = "slurmd"): void {
  write(`proc/${pid}/comm`, `${comm}\n`);
  write(`proc/${pid}/cmdline`, `${command.join("\0")}\0`);
  write(`proc/${pid}/maps`, ["00-01 r-xp 0 fe:00 1    /usr/sbin/slurmd", ...maps, ""].join("\n"));
}

const find = () => findPlugin({ file: plugin, stack }, nodeName("n1"), path.join(folder, "proc"));
const found = { options: ["conf=/etc/x"] };
const problem = (text: string) => ({ problem: expect.stringContaining(text) });

describe("plugstack.conf", () => {
  test("lists the plugin", () => {
    expect(find()).toEqual(found);
  });

  test.each([
    ["by a file beside it", "include more.conf"],
    ["by a pattern", "include stack.d/*.conf"],
    ["by an absolute pattern", "include FOLDER/stack.d/5?-*.conf"],
    ["after lines of others", "required other.so a b\n\n# optional x\nbad line\ninclude more.conf"],
  ])("%s", (_, text) => {
    write("plugstack.conf", `${text.replace("FOLDER", folder)}\n`);
    const name = text.includes("stack.d") ? "stack.d/50-gleaner.conf" : "more.conf";
    write(name, `\toptional\t${plugin}  conf=/etc/x`);
    expect(find()).toEqual(found);
  });

  test.each([
    ["nothing", ""],
    ["a comment", "# optional PLUGIN"],
    ["another path", "optional PLUGIN.old"],
    ["required, which makes a missing file fail every job", "required PLUGIN"],
    ["a hidden file", "include stack.d/*"],
    ["a file that is not there", "include none.conf\ninclude none/*.conf"],
  ])("does not list the plugin: %s", (_, text) => {
    write("plugstack.conf", `${text.replace("PLUGIN", plugin)}\n`);
    write("stack.d/.hidden", `optional ${plugin}\n`);
    expect(find()).toEqual(problem(`has no line "optional ${plugin}"`));
  });

  test("lists nothing if it is missing", () => {
    fs.rmSync(stack);
    expect(find()).toEqual(problem("has no line"));
  });

  test.each([
    ["itself", "include plugstack.conf", "more than 64 files"],
    ["folders by a pattern", "include */x.conf", "a pattern"],
    ["a folder", "include proc", "is not a file"],
    ["much", "include big", "64 KiB"],
  ])("is not followed forever if it includes %s", (_, text, said) => {
    write("plugstack.conf", `${text}\n`);
    write("big", "#".repeat(65_537));
    expect(find()).toEqual(problem(said));
  });
});

describe("slurmd", () => {
  const mapped = () => [`7f00-7f01 r-xp 0 fe:00 5    ${plugin}`];

  test("that has not loaded the plugin makes the node unusable", () => {
    slurmd(11, ["slurmd"], [`7f00-7f01 r-xp 0 fe:00 5    ${plugin}x`]);
    expect(find()).toEqual(problem("slurmd (process 11) has not loaded"));
  });

  test("that has loaded an earlier file makes the node unusable, too", () => {
    slurmd(11, ["slurmd"], [`7f00-7f01 r-xp 0 fe:00 5    ${plugin} (deleted)`]);
    expect(find()).toEqual(problem("was replaced"));
  });

  test("of another node does not count, and neither does another program", () => {
    slurmd(11, ["slurmd", "-D", "-N", "n2"], mapped());
    slurmd(12, ["slurmd", "-Nn3"], mapped());
    slurmd(13, ["slurmd"], mapped(), "slurmstepd");
    expect(find()).toEqual(problem("slurmd of n1 does not run"));
    slurmd(12, ["slurmd", "-Nn1"], mapped());
    expect(find()).toEqual(found);
  });

  (process.getuid?.() === 0 ? test : test.skip)("of an ordinary user is none", () => {
    fs.chownSync(path.join(folder, "proc/11"), 65_534, 65_534);
    expect(find()).toEqual(problem("slurmd of n1 does not run"));
  });

  test("cannot have loaded a plugin that does not exist", () => {
    fs.rmSync(plugin);
    expect(find()).toEqual(problem(`there is no ${plugin}`));
  });
});
