// What glean-spawn denies to a command: other users' keys and links, the node's /tmp, its disks'
// time, and system calls that a site refuses.

import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makePlugin } from "../../support/executor/plugin.js";
import { type Field, SpawnFolder } from "../../support/executor/spawn.js";

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const other: Field[] = [
  ["uid", "1"],
  ["gid", "1"],
  ["user", "daemon"],
];

let at: SpawnFolder;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
});
afterEach(() => at.remove());

const sh = (script: string, fields: readonly Field[] = []) =>
  at.finish(at.command(["sh", "-c", script], fields));

describe("the session keyring", () => {
  const keys = fs.existsSync("/proc/keys") ? asRoot : test.skip;

  keys("is a new one for each command, and its user's own", async () => {
    const list = "grep -E 'keyring +_ses' /proc/keys";
    await sh(list);
    const [first] = at.output().split("\n");
    expect(first).toMatch(/ 65534 +65534 keyring +_ses: empty$/);
    await sh(list, [...other, ["stdout", at.file("second")], ["stderr", at.file("second")]]);
    const second = at.output("second");
    expect(second).toMatch(/ 1 +1 keyring +_ses: empty\n$/);
    expect(second.split(" ")[0]).not.toBe(first!.split(" ")[0]);
  });
});

describe("disks", () => {
  test("are used only when nobody else uses them", async () => {
    await sh("ionice -p $$", [["idle", "1"]]);
    expect(at.output()).toBe("idle\n");
  });
});

describe("priority", () => {
  test("cannot be raised by the user's own permissions", async () => {
    await sh("grep -E '^Max (nice|realtime p|core)' /proc/self/limits | grep -vc ' 0 *0 '");
    expect(at.output()).toBe("0\n");
  });
});

describe("a private directory", () => {
  const tmp: Field[] = [["privateDirectory", "/tmp"]];
  const outside = () => fs.mkdtempSync("/var/tmp/glean-spawn-");
  let folder: string;
  beforeEach(() => {
    folder = outside();
    fs.chmodSync(folder, 0o777);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const files = (): Field[] => [
    ["cwd", folder],
    ["stdout", "out"],
    ["stderr", "out"],
    ["memoryMb", "8"],
  ];
  const output = () => fs.readFileSync(path.join(folder, "out"), "utf8");

  asRoot("is empty, the command's own, as large as its memory, and gone with it", async () => {
    const script = `ls -A /tmp; stat -c %a /tmp; echo mine > /tmp/${path.basename(folder)}
head -c 9000000 /dev/zero > /tmp/large || echo full`;
    expect((await sh(script, [...tmp, ...files()])).slice(0, 2)).toEqual(["ended", "0"]);
    expect(output()).toMatch(/^1777\n.*full\n$/s);
    expect(fs.existsSync(`/tmp/${path.basename(folder)}`)).toBe(false);
  });

  asRoot("takes no output and no checkpoint, which would be lost", async () => {
    const lost = "would be lost: /tmp is the function's own and ends with it";
    const stdout: Field[] = [...tmp, ...files(), ["stdout", "/tmp/out"]];
    const fields = stdout.filter(([key, value]) => key !== "stdout" || value === "/tmp/out");
    expect((await sh("true", fields)).join(" ")).toBe(`failed open-stdout 18 /tmp/out ${lost}`);
    const state: Field[] = [...tmp, ...files(), ["checkpoint", "/tmp/state"]];
    expect((await sh("true", state)).join(" ")).toBe(
      `failed checkpoint 18 the checkpoint folder /tmp/state ${lost}`,
    );
    expect(fs.existsSync("/tmp/out")).toBe(false);
  });

  asRoot("is a reason not to start where the node does not allow it", async () => {
    const program = path.join(folder, "under");
    const { pluginFolder } = await import("../../support/executor/plugin.js");
    const command = `exec setpriv --bounding-set=-sys_admin ${path.join(pluginFolder, "glean-spawn")}`;
    fs.writeFileSync(program, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
    const request = at.command(["true"], [...tmp, ...files()]);
    expect((await at.launch(request, program).all()).at(-1)).toMatch(
      /^failed namespace 1 cannot create namespaces: .*; without that there is no private \/tmp$/,
    );
  });

  test.each(["tmp", "/", "/tmp/../etc", ""])("cannot be %j", async (directory) => {
    const words = await sh("true", [["privateDirectory", directory]]);
    expect(words.slice(0, 2)).toEqual(["failed", "request"]);
  });
});

describe("an output file's name", () => {
  asRoot("is not followed to the user's files when another user made the link", async () => {
    const precious = at.file("precious");
    fs.writeFileSync(precious, "kept");
    fs.chownSync(precious, 65_534, 65_534);
    for (const owner of [1, 65_534]) {
      fs.rmSync(at.file("link"), { force: true });
      fs.symlinkSync("precious", at.file("link"));
      fs.lchownSync(at.file("link"), owner, owner);
      const words = await sh("echo new", [["stdout", at.file("link")]]);
      if (owner === 1) {
        expect(words.join(" ")).toMatch(
          /^failed open-stdout 1 .* is a link that another user made/,
        );
        expect(fs.readFileSync(precious, "utf8")).toBe("kept");
      } else expect(fs.readFileSync(precious, "utf8")).toBe("new\n");
    }
  });

  test("may be a link to a missing file or to another link, but not to itself", async () => {
    await sh("ln -s made one; ln -s one two; ln -s loop loop");
    expect((await sh("echo new", [["stdout", "two"]]))[0]).toBe("ended");
    expect(at.output("made")).toBe("new\n");
    const words = await sh("true", [["stdout", "loop"]]);
    expect(words.join(" ")).toMatch(/^failed open-stdout 40 loop cannot be opened/);
  });
});

describe("system calls", () => {
  const canMake = spawnSync("unshare", ["-U", "true"]).status === 0;
  const withUserNamespaces = canMake ? test : test.skip;

  withUserNamespaces(
    "for user namespaces are the command's unless the site refuses them",
    async () => {
      const asUser = (await sh("unshare -U true"))[1];
      expect((await sh("unshare -U true", [["noUserNamespaces", "1"]]))[1]).not.toBe("0");
      expect(fs.readFileSync(at.file("err"), "utf8")).toMatch(/Operation not permitted/);
      expect(["0", "1"]).toContain(asUser); // a node may refuse them itself
    },
  );

  test("that threads and processes need are allowed", async () => {
    const script = `const { Worker } = require("node:worker_threads");
new Worker("0", { eval: true }).on("exit", () => require("node:child_process").execFileSync("true"));`;
    const refused: Field[] = [
      ["noUserNamespaces", "1"],
      ["noRareCalls", "1"],
      ["stdin", "/dev/null"],
    ];
    const words = await at.finish(at.command([process.execPath, "-e", script], refused));
    expect(words.slice(0, 3)).toEqual(["ended", "0", "0"]);
  });

  test("that are rare are refused in all processes of the command", async () => {
    await sh("sh -c 'grep Seccomp: /proc/self/status'", [["noRareCalls", "1"]]);
    expect(at.output()).toMatch(/Seccomp:\s+2/);
  });
});

describe("a PAM session", () => {
  const service = "glean-spawn-test";
  const module = "/lib/x86_64-linux-gnu/security/pam_limits.so";
  const withLimits = fs.existsSync(module) ? asRoot : test.skip;
  afterEach(() => fs.rmSync(`/etc/pam.d/${service}`, { force: true }));
  const opened = (line: string): Field[] => {
    fs.writeFileSync(`/etc/pam.d/${service}`, `${line}\n`);
    return [["pamService", service]];
  };

  withLimits("gives the command the limits of limits.conf, but not our own", async () => {
    const conf = at.file("limits.conf");
    fs.writeFileSync(conf, "* - nofile 333\n* - core 1000\n* - nice -20\n");
    await sh("ulimit -n; ulimit -c", opened(`session required pam_limits.so conf=${conf}`));
    expect(at.output()).toBe("333\n0\n");
  });

  withLimits("that is refused keeps the command from starting", async () => {
    const words = await sh("true", opened("session required pam_deny.so"));
    expect(words.join(" ")).toMatch(/^failed user 1 PAM refused the session .* of nobody: /);
  });

  asRoot("has a service that is a file's name", async () => {
    const words = await sh("true", [["pamService", "../passwd"]]);
    expect(words.slice(0, 2)).toEqual(["failed", "request"]);
  });
});

describe("a start that waits", () => {
  test("for the other end of a FIFO ends in time, with a sentence", async () => {
    const pipe = at.file("pipe");
    execFileSync("mkfifo", ["-m", "666", pipe]);
    const fields: Field[] = [
      ["stdout", pipe],
      ["startMs", "300"],
    ];
    expect((await sh("true", fields)).join(" ")).toBe(
      `failed open-stdout 110 ${pipe} could not be opened in time: check whether it is a FIFO that no other process has open`,
    );
  });

  test("leaves no alarm pending when the command runs", async () => {
    const words = await sh("sleep 0.5; trap - ALRM; sleep 0.2", [["startMs", "200"]]);
    expect(words.slice(0, 3)).toEqual(["ended", "0", "0"]);
  });
});
