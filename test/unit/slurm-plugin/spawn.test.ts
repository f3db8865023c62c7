// glean-spawn runs a command: what the command gets, how its end is reported, and that nothing of
// its tree remains.

import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { until } from "../../support/executor/executor.js";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";
import { type Field, SpawnFolder } from "../../support/executor/spawn.js";
import { removeGroup } from "../../support/executor/unified-group.js";

const isRoot = process.getuid?.() === 0;
const unified = "/sys/fs/cgroup/unified";
/** A root that may make namespaces; a container's may not. */
const withNamespaces =
  isRoot && spawnSync("unshare", ["-m", "-i", "true"]).status === 0 ? test : test.skip;
const autogroup = "/proc/self/autogroup";
/** Root's: who is not root may change one such value in 100 ms, and others of this machine do. */
const withAutogroup = isRoot && fs.existsSync(autogroup) ? test : test.skip;
const withCgroup = isRoot && fs.existsSync(path.join(unified, "cgroup.procs")) ? test : test.skip;

let at: SpawnFolder;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
});
afterEach(() => at.remove());

describe("the end of a command", () => {
  test.each([
    ["exit 7", ["7", "0"]],
    ["exit 0", ["0", "0"]],
    ["kill -9 $$", ["0", "9"]],
    ["kill -15 $$", ["0", "15"]],
  ])("is reported unchanged: %s", async (script, expected) => {
    const attempt = at.launch(at.command(["sh", "-c", script]));
    const lines = await attempt.all();
    expect(lines[0]).toMatch(/^started \d+ \d+ \d+$/);
    expect(lines[1]).toMatch(/^ended \d+ \d+ \d+ \d+ \d+ \d+ 0 0 0$/);
    expect(lines[1]?.split(" ").slice(1, 3)).toEqual(expected);
    expect(lines).toHaveLength(2);
    const [begin, end] = [
      BigInt(lines[0]?.split(" ")[3] ?? 0),
      BigInt(lines[1]?.split(" ")[3] ?? 0),
    ];
    expect(end >= begin).toBe(true);
  });

  test("includes the processor time and memory of grandchildren", async () => {
    const words = await at.finish(
      at.command(["sh", "-c", "(dd if=/dev/zero of=/dev/null bs=64M count=20; exit 0); exit 0"]),
    );
    expect(Number(words[4]) + Number(words[5])).toBeGreaterThan(0);
    expect(Number(words[6])).toBeGreaterThan(60_000);
  });

  test("comes after all 20 MB of output have arrived", async () => {
    expect((await at.finish(at.command(["head", "-c", "20000000", "/dev/zero"])))[1]).toBe("0");
    expect(fs.statSync(at.file("out")).size).toBe(20_000_000);
  });

  test("is reported after its remaining processes were killed", async () => {
    const pipe = at.fifo();
    const attempt = at.launch(
      at.command(
        ["sh", "-c", '(setsid sh -c "echo $$; sleep 1000" &) ; read x < "$0"', at.file("go")],
        [["stdout", pipe.name]],
      ),
    );
    execFileSync("mkfifo", ["-m", "666", at.file("go")]);
    const reader = pipe.open();
    await reader.line();
    fs.writeFileSync(at.file("go"), "on\n");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 0 /);
    await reader.ended;
  });
});

function sessionOf(pid: number): string {
  return execFileSync("ps", ["-o", "sid=", "-p", String(pid)], { encoding: "utf8" }).trim();
}

describe("the command has", () => {
  test("exactly the environment of the request, and a TMPDIR", async () => {
    await at.finish(
      at.command(
        ["/usr/bin/env"],
        [
          ["env", "A=b=c"],
          ["env", "EMPTY="],
        ],
      ),
    );
    expect(at.output()).toBe("PATH=/usr/bin:/bin\nA=b=c\nEMPTY=\nTMPDIR=/tmp\n");
  });

  test("no descriptors but the standard three", async () => {
    await at.finish(at.command(["ls", "/proc/self/fd"])); // 3 is the folder that ls reads
    expect(at.output()).toBe("0\n1\n2\n3\n");
  });

  test("its script in memory, with its arguments and unchangeable", async () => {
    const script =
      '#!/bin/sh\necho "$1|$2|$#"; readlink /proc/$$/fd/3; echo more >> "$0" || echo sealed\n';
    await at.finish(at.command(["name", "one", "two words"], [["script", script]]));
    expect(at.output()).toBe("one|two words|2\n/memfd:glean-script (deleted)\nsealed\n");
  });

  test("one file for stdout and stderr of one name, in order, and appended to on request", async () => {
    fs.writeFileSync(at.file("both"), "old\n", { mode: 0o666 });
    fs.chmodSync(at.file("both"), 0o666);
    const both: Field[] = [
      ["stdout", "both"],
      ["stderr", "both"],
    ];
    await at.finish(
      at.command(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], [...both, ["open", "append"]]),
    );
    expect(at.output("both")).toBe("old\n1\n2\n3\n");
    await at.finish(at.command(["sh", "-c", "echo 1; echo 2 >&2"], both));
    expect(at.output("both")).toBe("1\n2\n");
  });

  test("an output that other commands write to at the same time, without a byte lost", async () => {
    const log: Field[] = [
      ["stdout", "log"],
      ["stderr", "log"],
    ];
    const script = "for n in 1 2 3 4; do echo mine; echo other >>log; done";
    await at.finish(at.command(["sh", "-c", script], log));
    expect(at.output("log")).toBe("mine\nother\n".repeat(4));
  });

  test("an output that is emptied only of what is older than its submission", async () => {
    fs.writeFileSync(at.file("shared"), "old\n", { mode: 0o666 });
    fs.chmodSync(at.file("shared"), 0o666);
    const since = Date.now() - 60_000;
    fs.utimesSync(at.file("shared"), since / 1_000 - 1, since / 1_000 - 1);
    const fields: Field[] = [
      ["stdout", "shared"],
      ["keepSinceMs", String(since)],
    ];
    for (const word of ["one", "two"]) await at.finish(at.command(["echo", word], fields));
    expect(at.output("shared")).toBe("one\ntwo\n");
  });

  test("the soft limits of its submitter, at most the hard ones", async () => {
    const script = "ulimit -S -n; ulimit -S -s; ulimit -S -f; ulimit -H -n";
    const fields = ["nofile:99", "stack:unlimited", "fsize:512000"].map(
      (value): Field => ["limit", value],
    );
    await at.finish(at.command(["bash", "-c", script], fields));
    const [files, stack, size, hardFiles] = at.output().split("\n");
    const hardStack = String(execFileSync("bash", ["-c", "ulimit -H -s"])).trim();
    expect([files, stack, size]).toEqual(["99", hardStack, "500"]);
    expect(Number(hardFiles)).toBeGreaterThan(99);
    const wrong = await at.finish(at.command(["true"], [["limit", "core:1"]]));
    expect(wrong.join(" ")).toMatch(/^failed request 22 the value of limit is invalid/);
  });

  test("its own process group, in its own session or in its supervisor's", async () => {
    const ids = ["sh", "-c", "echo $$; cut -d' ' -f5,6 /proc/self/stat"];
    await at.finish(at.command(ids));
    const [own, places] = at.output().split("\n");
    expect(places).toBe(`${own} ${own}`);
    await at.finish(at.command(ids, [["sharedSession", "1"]]));
    const [shared, group] = at.output().split("\n");
    expect(group).toBe(`${shared} ${sessionOf(process.pid)}`);
  });

  withAutogroup("the least weight for its idle session, but not for one it shares", async () => {
    const weight = ["sh", "-c", `cat ${autogroup}`];
    const idle: Field = ["idle", "1"];
    await at.finish(at.command(weight, [idle]));
    expect(at.output()).toMatch(/ nice 19$/m);
    await at.finish(at.command(weight));
    expect(at.output()).toMatch(/ nice 0$/m);
    await at.finish(at.command(weight, [idle, ["sharedSession", "1"]]));
    expect(at.output()).toBe(fs.readFileSync(autogroup, "utf8"));
  });

  test("its scheduling class, umask, CPUs and limits", async () => {
    const fields: Field[] = [
      ["idle", "1"],
      ["nice", "5"],
      ["umask", "0077"],
      ["cpus", "0"],
      ["oomScoreAdj", "1000"],
    ];
    const script =
      "umask; ulimit -c; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status; cat /proc/self/stat";
    await at.finish(at.command(["sh", "-c", script], [...fields, ["stdout", "limits"]]));
    const [mask, core, score, cpus, stat] = at.output("limits").split("\n");
    expect([mask, core, score, cpus]).toEqual(["0077", "0", "1000", "Cpus_allowed_list:\t0"]);
    const words = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
    expect(words[16]).toBe("5"); // nice, field 19
    expect(words[38]).toBe("5"); // policy, field 41: SCHED_IDLE
    expect(fs.statSync(at.file("limits")).mode & 0o777).toBe(0o600);
  });

  withNamespaces("a /dev/shm and an IPC namespace of its own, which end with it", async () => {
    const pipe = at.fifo();
    const name = `glean-spawn-test-${process.pid}`;
    const script = `ls -A /dev/shm; stat -c %a /dev/shm
head -c 3000000 /dev/zero > /dev/shm/${name}
head -c 9000000 /dev/zero > /dev/shm/too-large || echo full
ipcmk -M 3000000 > /dev/null; ipcs -m | grep -c 3000000
readlink /proc/self/ns/mnt /proc/self/ns/ipc
echo done; sleep 1000`;
    const fields: Field[] = [
      ["memoryMb", "8"],
      ["stdout", pipe.name],
    ];
    const attempt = at.launch(at.command(["sh", "-c", script], fields));
    const reader = pipe.open();
    const said: string[] = [];
    while (said.at(-1) !== "done") said.push(await reader.line());
    expect(said.slice(0, 3)).toEqual(["1777", "full", "1"]);
    const own = said.slice(3, 5);
    for (const kind of ["mnt", "ipc"])
      expect(own).not.toContain(fs.readlinkSync(`/proc/self/ns/${kind}`));
    // Here, while it runs: neither the file nor the segment.
    expect(fs.existsSync(`/dev/shm/${name}`)).toBe(false);
    expect(fs.readFileSync("/proc/sysvipc/shm", "utf8")).not.toMatch(/ 3000000 /);
    attempt.control.write("K");
    await attempt.all();
    await attempt.exit;
    const used = execFileSync("sh", [
      "-c",
      "readlink /proc/[0-9]*/ns/mnt /proc/[0-9]*/ns/ipc || true",
    ]);
    for (const namespace of own) expect(String(used)).not.toContain(namespace);
  });

  withNamespaces(
    "the node's mounts, also later ones; the node does not get its /dev/shm",
    async () => {
      // A node whose mounts are shared, as under systemd: a mount namespace for the supervisor.
      const node = at.file("node");
      const program = path.join(pluginFolder, "glean-spawn");
      fs.writeFileSync(node, `#!/bin/sh\nexec unshare -m --propagation shared ${program}\n`);
      fs.chmodSync(node, 0o755);
      fs.mkdirSync(at.file("later"));
      execFileSync("mkfifo", ["-m", "666", at.file("go")]);
      const pipe = at.fifo();
      const script = "echo up; read x < go; cat later/file; echo own > later/own; ls later";
      const request = at.command(["sh", "-c", script], [["stdout", pipe.name]]);
      const attempt = at.launch(request, node);
      const reader = pipe.open();
      expect(await reader.line()).toBe("up");
      const onNode = (text: string) =>
        execFileSync("nsenter", ["-t", String(attempt.child.pid), "-m", "sh", "-c", text], {
          encoding: "utf8",
        });
      expect(onNode("grep -c ' /dev/shm ' /proc/self/mountinfo || true")).toBe(
        execFileSync("sh", ["-c", "grep -c ' /dev/shm ' /proc/self/mountinfo || true"], {
          encoding: "utf8",
        }),
      );
      onNode(
        `mount -t tmpfs -o mode=777 none ${at.file("later")}; echo here > ${at.file("later/file")}`,
      );
      fs.writeFileSync(at.file("go"), "on\n");
      const said = [await reader.line(), await reader.line(), await reader.line()];
      expect(said).toEqual(["here", "file", "own"]);
      expect((await attempt.all()).at(-1)).toMatch(/^ended 0 0 /);
    },
  );

  test("no blocked or ignored signals", async () => {
    await at.finish(at.command(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]));
    expect(at.output()).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
  });

  test("no signals that whoever started the server ignores", async () => {
    const server = path.join(pluginFolder, "glean-spawn");
    const ignoring = at.file("ignoring");
    const lines = ["#!/bin/sh", "trap '' HUP INT USR1 PIPE CHLD ALRM 40", `exec ${server}`, ""];
    fs.writeFileSync(ignoring, lines.join("\n"), { mode: 0o755 });
    const request = at.command(["grep", "SigIgn", "/proc/self/status"]);
    expect((await at.launch(request, ignoring).all()).at(-1)).toMatch(/^ended 0 0 /);
    expect(at.output()).toMatch(/^SigIgn:\s+0+\n$/);
  });
});

describe("ending a process tree", () => {
  test("with K kills a double-forked grandchild in its own session", async () => {
    const { attempt, reader, grand } = await at.launchTree();
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
    await reader.ended;
    expect(fs.existsSync(`/proc/${grand}`)).toBe(false);
  });

  test("does not happen at the end of a command that keeps its children, but with K", async () => {
    const { attempt, reader, grand, main } = await at.launchTree([["keepsChildren", "1"]]);
    process.kill(main, "SIGKILL");
    await until(() => !fs.existsSync(`/proc/${main}`));
    // A supervisor that kills at once has done so by then.
    await new Promise((done) => setTimeout(done, 100));
    expect(fs.existsSync(`/proc/${grand}`)).toBe(true);
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
    await reader.ended;
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "happens on %s to the supervisor",
    async (signal) => {
      const { attempt, reader } = await at.launchTree();
      process.kill(attempt.supervisor(), signal);
      expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
      await reader.ended;
    },
  );

  test("happens when the supervisor is killed", async () => {
    const pipe = at.fifo();
    const attempt = at.launch(
      at.command(["sh", "-c", "echo up; exec sleep 1000"], [["stdout", pipe.name]]),
    );
    const reader = pipe.open();
    await reader.line();
    await attempt.next();
    process.kill(attempt.supervisor(), "SIGKILL");
    await reader.ended;
    expect(await attempt.next()).toBe("gone 0 9");
  });

  test("with K works while the command's output is still being opened", async () => {
    // nobody reads: the open waits
    const attempt = at.launch(at.command(["true"], [["stdout", at.fifo().name]]));
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
  });

  test("with T signals the whole process group, and the command may exit by itself", async () => {
    const pipe = at.fifo();
    const inner =
      "sh -c 'trap \"echo inner; exit 0\" TERM; echo ready; while :; do sleep 0.01; done' & ";
    const script = `trap "wait; echo outer; exit 3" TERM; ${inner} while :; do sleep 0.01; done`;
    const attempt = at.launch(at.command(["sh", "-c", script], [["stdout", pipe.name]]));
    const reader = pipe.open();
    expect(await reader.line()).toBe("ready");
    attempt.control.write("T");
    expect([await reader.line(), await reader.line()]).toEqual(["inner", "outer"]);
    expect((await attempt.all()).at(-1)).toMatch(/^ended 3 0 /);
  });

  const named: Field[] = [
    ["env", "SLURM_JOB_ID=42"],
    ["env", "SLURMD_NODENAME=n1"],
  ];
  const stars = (why: string) =>
    new RegExp(
      `^told\\ngleaner: error: \\*{3} JOB 42 ON n1 CANCELLED AT \\d{4}(-\\d\\d){2}T\\d\\d(:\\d\\d){2}${why} \\*{3}\\n$`,
    );

  /** What the error file holds once a command that then has another was sent `kind`. */
  async function lastWords(kind: string, more: readonly Field[] = named): Promise<string> {
    const pipe = at.fifo();
    const script = "echo told >&2; echo up; exec sleep 1000 2>&1";
    const stdout: Field = ["stdout", pipe.name];
    const attempt = at.launch(at.command(["sh", "-c", script], [stdout, ...more]));
    expect(await pipe.open().line()).toBe("up");
    attempt.control.write(kind);
    await attempt.all();
    return at.output("err");
  }

  test.each([
    ["T", ""],
    ["L", " DUE TO TIME LIMIT"],
    ["Q", " DUE TO JOB REQUEUE"],
  ])("with %s is the last line of its error file", async (kind, why) => {
    expect(await lastWords(kind)).toMatch(stars(why));
  });

  test("with K, and without an id, leaves no line", async () => {
    expect(await lastWords("K")).toBe("told\n");
    expect(await lastWords("L", [])).toBe("told\n");
  });

  test("happens as out of memory above the memory limit", async () => {
    const args = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1000000"];
    const words = await at.finish(
      at.command(args, [
        ["memoryMb", "50"],
        ["pollMemory", "1"],
      ]),
    );
    expect(words.slice(0, 3)).toEqual(["ended", "0", "9"]);
    expect(words[7]).toBe("1");
  }, 20_000);

  test.each([
    ["processes", ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1000 & done; wait"], 5],
    ["threads", [process.execPath, "-e", "setInterval(() => {}, 1000)"], 3],
  ])(
    "happens with a reason above the limit of %s",
    async (_what, args, most) => {
      const words = await at.finish(at.command(args, [["maxProcesses", String(most)]]));
      expect(words.slice(0, 3)).toEqual(["ended", "0", "9"]);
      expect(words.slice(7)).toEqual(["0", "1", "0"]);
    },
    20_000,
  );

  test("does not happen with as many processes as allowed", async () => {
    // longer than from look to look
    const args = ["sh", "-c", "for i in 1 2 3 4; do sleep 0.5 & done; wait"];
    const words = await at.finish(at.command(args, [["maxProcesses", "5"]]));
    expect([words[1], words[8]]).toEqual(["0", "0"]);
  });

  withCgroup(
    "the command joins its cgroup, the supervisor does not, and the cgroup is killed at once",
    async () => {
      const group = fs.mkdtempSync(path.join(unified, "glean-spawn-test-"));
      try {
        const { attempt, reader } = await at.launchTree([
          ["join", path.join(group, "cgroup.procs")],
          ["kill", path.join(group, "cgroup.kill")],
        ]);
        let members: string[] = [];
        // The grandchild speaks before all others are there.
        await until(() => {
          const text = fs.readFileSync(path.join(group, "cgroup.procs"), "utf8");
          members = text.trim().split("\n");
          return members.length >= 3;
        });
        expect(members).not.toContain(String(attempt.child.pid));
        expect(members).not.toContain(String(attempt.supervisor()));
        attempt.control.write("K");
        await attempt.all();
        await reader.ended;
        expect(fs.readFileSync(path.join(group, "cgroup.events"), "utf8")).toContain("populated 0");
      } finally {
        await removeGroup(group);
      }
    },
  );
});
