// glean-spawn before the command runs: which user it becomes, what it refuses, and the sentence
// when a start fails.

import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { makePlugin, pluginFolder } from "../../support/executor/plugin.js";
import { encode, type Field, SpawnFolder } from "../../support/executor/spawn.js";

const sanitized = path.join(pluginFolder, "asan", "glean-spawn");
const asRoot = process.getuid?.() === 0 ? test : test.skip;

let at: SpawnFolder;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new SpawnFolder();
});
afterEach(() => at.remove());

/** A user that /etc/group lists in some further group, if there is one. */
function memberOfGroups(): string {
  const members = fs
    .readFileSync("/etc/group", "utf8")
    .split("\n")
    .flatMap((line) => line.split(":")[3]?.split(",") ?? []);
  return members.find((name) => name !== "" && name !== "root") ?? "nobody";
}

describe("the user", () => {
  asRoot("has uid, gid and the groups of the system, and owns what it writes", async () => {
    const name = memberOfGroups();
    const [uid, gid, groups] = ["-u", "-g", "-G"].map((option) =>
      execFileSync("id", [option, name], { encoding: "utf8" }).trim(),
    );
    const fields: Field[] = [
      ["uid", uid ?? ""],
      ["gid", gid ?? ""],
      ["user", name],
      ["stdout", "ids"],
      ["stderr", "ids"],
    ];
    await at.finish(at.command(["sh", "-c", "id -u; id -g; id -G"], fields));
    expect(at.output("ids")).toBe(`${uid}\n${gid}\n${groups}\n`);
    expect(fs.statSync(at.file("ids")).uid).toBe(Number(uid));
  });

  asRoot("who was renamed since has the groups of the uid", async () => {
    const name = memberOfGroups();
    const [uid, gid, groups] = ["-u", "-g", "-G"].map((option) =>
      execFileSync("id", [option, name], { encoding: "utf8" }).trim(),
    );
    const fields: Field[] = [
      ["uid", uid ?? ""],
      ["gid", gid ?? ""],
      ["user", "former-name"],
      ["stdout", "renamed"],
      ["stderr", "renamed"],
    ];
    await at.finish(at.command(["id", "-G"], fields));
    expect(at.output("renamed")).toBe(`${groups}\n`);
  });

  asRoot("of a name that the system does not know has the groups of the request", async () => {
    const fields: Field[] = [
      ["uid", "54321"],
      ["gid", "54322"],
      ["user", "no-such-user"],
      ["groups", "1,54323"],
      ["stdout", "other"],
      ["stderr", "other"],
    ];
    await at.finish(at.command(["id", "-G"], fields));
    expect(at.output("other").trim().split(" ").sort()).toEqual(["1", "54322", "54323"]);
  });

  asRoot("cannot be root unless that is allowed", async () => {
    const base: Field[] = [
      ["uid", "0"],
      ["gid", "0"],
      ["user", "root"],
      ["stdout", "/dev/null"],
    ];
    expect((await at.finish(at.command(["true"], base))).slice(0, 3)).toEqual([
      "failed",
      "user",
      "1",
    ]);
    expect((await at.finish(at.command(["true"], [...base, ["allowRoot", "1"]])))[0]).toBe("ended");
  });

  asRoot("must have the uid that the node knows for the name", async () => {
    const words = await at.finish(at.command(["true"], [["uid", "54321"]]));
    expect(words.join(" ")).toMatch(
      /^failed user \d+ user nobody has uid 65534 on this node, not 54321$/,
    );
  });

  asRoot("gains nothing by a set-uid program", async () => {
    await at.finish(at.command(["grep", "-E", "NoNewPrivs|CapEff", "/proc/self/status"]));
    expect(at.output()).toMatch(/CapEff:\s+0+\n/);
    expect(at.output()).toMatch(/NoNewPrivs:\s+1/);
  });
});

describe("namespaces", () => {
  /** glean-spawn as that command starts it. */
  const under = (command: string): string => {
    const program = at.file("under");
    fs.writeFileSync(program, `#!/bin/sh\n${command} ${path.join(pluginFolder, "glean-spawn")}\n`);
    fs.chmodSync(program, 0o755);
    return program;
  };
  const lastLine = async (program: string, args: string[]) =>
    (await at.launch(at.command(args), program).all()).at(-1);

  asRoot("that are not allowed, as in a container, are done without", async () => {
    const program = under("exec setpriv --bounding-set=-sys_admin");
    expect(await lastLine(program, ["readlink", "/proc/self/ns/ipc"])).toMatch(/^ended 0 0 /);
    expect(at.output().trim()).toBe(fs.readlinkSync("/proc/self/ns/ipc"));
  });

  const withUserNamespaces = spawnSync("unshare", ["-r", "true"]).status === 0 ? asRoot : test.skip;
  withUserNamespaces("that fail in another way are no reason to run without", async () => {
    const none = "echo 0 > /proc/sys/user/max_ipc_namespaces";
    const program = under(`exec unshare -r sh -c '${none} && exec "$0"'`);
    expect(await lastLine(program, ["true"])).toMatch(
      /^failed namespace 28 cannot create namespaces: /,
    );
  });
});

describe("input in the request", () => {
  test("is a sealed file in memory of the user's own", async () => {
    const script = "cat; stat -L -c %a /proc/self/fd/0; echo x >/proc/self/fd/0 || echo sealed";
    const input = "key=1\0secret\n";
    await at.finish(at.command(["sh", "-c", script], [["input", input]]));
    expect(
      at
        .output()
        .split("\n")
        .filter((line) => !line.startsWith("sh: ")),
    ).toEqual(["key=1\0secret", "600", "sealed", ""]);
  });
});

describe("a start that fails says where and why", () => {
  asRoot("output where the user may not write", async () => {
    fs.mkdirSync(at.file("closed"), { mode: 0o755 });
    const target = at.file("closed/file");
    expect((await at.finish(at.command(["true"], [["stdout", target]]))).join(" ")).toBe(
      `failed open-stdout 13 ${target} cannot be opened: Permission denied`,
    );
    expect((await at.finish(at.command(["true"], [["stderr", target]]))).slice(0, 3)).toEqual([
      "failed",
      "open-stderr",
      "13",
    ]);
    expect(fs.existsSync(target)).toBe(false);
  });

  asRoot(
    "a program that is nowhere, beside a folder of PATH that the user may not search",
    async () => {
      fs.mkdirSync(at.file("hidden"), { mode: 0o700 });
      const path: Field = ["env", `PATH=${at.file("hidden")}:/usr/bin`];
      expect((await at.finish(at.command(["no-such-program"], [path]))).slice(0, 3)).toEqual([
        ...["failed", "exec", "2"],
      ]);
    },
  );

  const cases: [string, string[], Field[], string][] = [
    ["no working directory", ["true"], [["cwd", "/no/such"]], "failed chdir 2 /no/such "],
    ["no stdin", ["true"], [["stdin", "/no/such"]], "failed open-stdin 2 /no/such "],
    ["no program by path", ["/no/such"], [], "failed exec 2 /no/such "],
    ["no program in PATH", ["no-such-program"], [], "failed exec 2 no-such-program "],
    ["a folder as program", ["/tmp"], [], "failed exec 13 "],
    ["a newline in a path", ["/no\nended 0 0"], [], "failed exec 2 /no?ended 0 0 "],
    [
      "a script's missing interpreter",
      ["x"],
      [["script", "#!/no/such\n"]],
      "failed exec 2 the interpreter",
    ],
    [
      "an argument that is too long",
      ["true", "x".repeat(131_072)],
      [],
      "failed exec 7 argument 1 has 131072 bytes, but the kernel accepts at most 131071 in one",
    ],
    [
      "a variable that is too long",
      ["true"],
      [["env", `LONG=secret${"x".repeat(131_072)}`]],
      "failed exec 7 the environment variable LONG has 131083 bytes, but the kernel",
    ],
    [
      "arguments that are too long together",
      ["true", ...Array<string>(60).fill("x".repeat(131_071))],
      [],
      "failed exec 7 the arguments and the environment together exceed",
    ],
    ["a script without #!", ["x"], [["script", "echo hello\n"]], "failed exec 8 the script"],
    [
      "a cgroup that is not there",
      ["true"],
      [["join", "/sys/fs/cgroup/no/such/cgroup.procs"]],
      "failed join 2 ",
    ],
  ];
  test.each(cases)("%s", async (_name, args, fields, expected) => {
    expect((await at.finish(at.command(args, fields))).join(" ").slice(0, expected.length)).toBe(
      expected,
    );
  });

  test.each([
    [
      "#! /no/such -u\n",
      2,
      /execve\(\): bad interpreter\(\/no\/such\): No such file or directory\n$/,
    ],
    ["#!/tmp\n", 13, /execve\(\): \S+: Permission denied\n$/],
  ])("and the script %j says so in its error file", async (script, error, line) => {
    const errors = at.file("errors");
    const words = await at.finish(
      at.command(
        ["x"],
        [
          ["script", script],
          ["stderr", errors],
        ],
      ),
    );
    expect(words.slice(0, 3)).toEqual(["failed", "exec", String(error)]);
    expect(fs.readFileSync(errors, "utf8")).toMatch(line);
  });

  test("and does not pass text that is not a program to a shell", async () => {
    fs.writeFileSync(at.file("text"), "echo from a shell\n", { mode: 0o755 });
    expect((await at.finish(at.command([at.file("text")]))).slice(0, 3)).toEqual([
      "failed",
      "exec",
      "8",
    ]);
    expect(
      (await at.finish(at.command(["text"], [["env", `PATH=${at.path}`]]))).slice(0, 3),
    ).toEqual(["failed", "exec", "2"]);
  });
});

describe("an invalid request is refused", () => {
  const required: Field[] = [
    ["uid", "65534"],
    ["gid", "65534"],
    ["cwd", "/"],
    ["arg", "true"],
  ];
  const cases: [string, Field[]][] = [
    ["a record twice", [...required, ["uid", "0"]]],
    ["an unknown key", [...required, ["shell", "1"]]],
    ["a NUL in a value", [...required, ["env", "A=1\0uid=0"]]],
    ["a join outside of cgroups", [...required, ["join", "/etc/cgroup.procs"]]],
    ["a join with ..", [...required, ["join", "/sys/fs/cgroup/../../../etc/cgroup.procs"]]],
    [
      "a join of another file",
      [...required, ["join", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]],
    ],
    ["a uid of -1", [["uid", "4294967295"], ...required.slice(1)]],
    ["no command", required.slice(0, 3)],
    ["an empty command", [...required.slice(0, 3), ["arg", ""]]],
    [
      "a relative cwd",
      [
        ["uid", "1"],
        ["gid", "1"],
        ["cwd", "."],
        ["arg", "true"],
      ],
    ],
    ["env without =", [...required, ["env", "A"]]],
    ["a limit of no processes", [...required, ["maxProcesses", "0"]]],
    ["more processes than are looked at", [...required, ["maxProcesses", "16384"]]],
    ["memory polling without a limit", [...required, ["pollMemory", "1"]]],
  ];
  test.each(cases)("%s", async (_name, fields) => {
    expect((await at.finish(encode(fields))).slice(0, 2)).toEqual(["failed", "request"]);
  });

  test.each([1, 2, 3])("%i bytes behind its last record", async (count) => {
    const request = Buffer.concat([encode(required), Buffer.alloc(count)]);
    for (const program of [undefined, sanitized]) {
      const line = (await at.launch(request, program).all()).at(-1);
      expect(line).toBe("failed request 22 a record of the request is cut off");
    }
  });

  test("with a report for any bytes, never with a crash", async () => {
    const valid = at.command(
      ["/bin/true"],
      [
        ["stdout", "/dev/null"],
        ["stderr", "/dev/null"],
        ["groups", "1,2"],
        ["cpus", "0"],
        ["umask", "77"],
        ["script", "#!/bin/true\n"],
      ],
    );
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const copy = Buffer.from(valid);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: mutated }, random), async (request) => {
        const attempt = at.launch(request, sanitized);
        const lines = await attempt.all();
        expect(attempt.stderr()).toBe("");
        expect(await attempt.exit).toBe(0);
        expect(lines.at(-1)).toMatch(/^(failed [a-z-]+ \d+ .+|ended( \d+){9})$/);
      }),
      { seed: 20261123, numRuns: 60 },
    );
  }, 60_000);
});
