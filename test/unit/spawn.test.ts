// Tests glean-spawn as the executor uses it: a request on descriptor 3, control on 4, report lines on 5.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as readline from "node:readline";
import type { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";

const root = path.resolve(import.meta.dirname, "../..");
const out = path.join(root, "build", "spawn-test");
const program = path.join(out, "glean-spawn");
const asan = path.join(out, "asan", "glean-spawn");
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const nobody = { uid: "65534", gid: "65534" };
const unified = "/sys/fs/cgroup/unified";
const withCgroup = isRoot && fs.existsSync(path.join(unified, "cgroup.procs")) ? test : test.skip;

let folder = "";

type Field = [key: string, value: string | Buffer];

/** The request of the given records: u32 length, then for each u32 size and `key=value`. */
function encode(fields: Field[]): Buffer {
  const parts = fields.flatMap(([key, value]) => {
    const record = Buffer.concat([Buffer.from(`${key}=`), Buffer.from(value as Buffer)]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(record.length);
    return [size, record];
  });
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

function me(): Field[] {
  return isRoot
    ? [
        ["uid", nobody.uid],
        ["gid", nobody.gid],
        ["user", "nobody"],
      ]
    : [
        ["uid", String(process.getuid?.())],
        ["gid", String(process.getgid?.())],
      ];
}

/** A request that runs `args` as an unprivileged user in the test's folder; later fields of the same key win over these. */
function command(args: string[], more: Field[] = []): Buffer {
  const base: Field[] = [
    ...me(),
    ["cwd", folder],
    ["stdout", path.join(folder, "out")],
    ["stderr", path.join(folder, "err")],
    ["env", "PATH=/usr/bin:/bin"],
  ];
  const replaced = new Set(more.map(([key]) => key).filter((key) => key !== "env"));
  const kept = base.filter(([key]) => !replaced.has(key));
  return encode([...kept, ...more, ...args.map((value): Field => ["arg", value])]);
}

interface Attempt {
  child: ChildProcess;
  control: Writable;
  next: () => Promise<string>;
  /** All lines to the end, with those already read by next(). */
  all: () => Promise<string[]>;
  exit: Promise<number | null>;
  stderr: () => string;
}

const running = new Set<ChildProcess>();

function launch(request: Buffer, binary = program): Attempt {
  const child = spawn(binary, [], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", "pipe"] });
  running.add(child);
  let stderr = "";
  child.stderr?.on("data", (text) => {
    stderr += String(text);
  });
  const exit = new Promise<number | null>((resolve) =>
    child.on("close", (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  const [input, control] = [child.stdio[3] as Writable, child.stdio[4] as Writable];
  input.on("error", () => undefined); // it may refuse before it has read all
  control.on("error", () => undefined);
  input.end(request);
  const lines: string[] = [];
  const reader = readline.createInterface({ input: (child.stdio as unknown[])[5] as Readable });
  const iterator = reader[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const step = await iterator.next();
    if (step.done) throw new Error(`no more lines after ${JSON.stringify(lines)} ${stderr}`);
    lines.push(step.value);
    return step.value;
  };
  const all = async (): Promise<string[]> => {
    for await (const line of { [Symbol.asyncIterator]: () => iterator }) lines.push(line);
    await exit;
    return lines;
  };
  return { child, control, next, all, exit, stderr: () => stderr };
}

/** A user that /etc/group lists in some further group, if there is one. */
function memberOfGroups(): string {
  const members = fs
    .readFileSync("/etc/group", "utf8")
    .split("\n")
    .flatMap((line) => line.split(":")[3]?.split(",") ?? []);
  return members.find((name) => name !== "" && name !== "root") ?? "nobody";
}

/** Runs to the end; the last line's words. */
async function finish(request: Buffer): Promise<string[]> {
  const attempt = launch(request);
  const lines = await attempt.all();
  expect(await attempt.exit).toBe(0);
  return (lines.at(-1) ?? "").split(" ");
}

const output = (name = "out"): string => fs.readFileSync(path.join(folder, name), "utf8");

let fifos = 0;

/** A pipe by name for a command's stdout: its lines are the events of a test, its end means that nobody is left to write. */
function fifo(): {
  name: string;
  open: () => { line: () => Promise<string>; ended: Promise<void> };
} {
  const name = path.join(folder, `fifo${fifos++}`);
  execFileSync("mkfifo", ["-m", "666", name]);
  const open = () => {
    const stream = fs.createReadStream(name);
    const ended = new Promise<void>((resolve) => stream.on("close", () => resolve()));
    const iterator = readline.createInterface({ input: stream })[Symbol.asyncIterator]();
    return { line: async () => String((await iterator.next()).value), ended };
  };
  return { name, open };
}

const escaping =
  '(setsid sh -c "trap : TERM; echo grand \\$\\$; while :; do sleep 1000; done" &); sleep 1000 & wait';

/** Starts a command with a child and a double-forked grandchild in a session of its own that ignores SIGTERM. */
async function launchTree(more: Field[] = []) {
  const pipe = fifo();
  const attempt = launch(command(["sh", "-c", escaping], [["stdout", pipe.name], ...more]));
  const reader = pipe.open();
  const grand = Number((await reader.line()).split(" ")[1]);
  expect(await attempt.next()).toMatch(/^started \d+ \d+ \d+$/);
  expect(fs.existsSync(`/proc/${grand}`)).toBe(true);
  return { attempt, reader, grand };
}

beforeAll(() => {
  execFileSync("make", ["-s", "-C", path.join(root, "slurm-plugin"), `OUT=${out}`, program], {
    stdio: "pipe",
  });
  execFileSync("make", ["-s", "-C", path.join(root, "slurm-plugin"), `OUT=${out}`, "asan"], {
    stdio: "pipe",
  });
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "glean-spawn-"));
  fs.chmodSync(folder, 0o777);
}, 120_000);

afterAll(() => {
  for (const child of running) child.kill("SIGTERM");
  fs.rmSync(folder, { recursive: true, force: true });
});

describe("the end of a command", () => {
  test.each([
    ["exit 7", ["7", "0"]],
    ["exit 0", ["0", "0"]],
    ["kill -9 $$", ["0", "9"]],
    ["kill -15 $$", ["0", "15"]],
  ])("%s is reported as it was", async (script, expected) => {
    const attempt = launch(command(["sh", "-c", script]));
    const lines = await attempt.all();
    expect(lines[0]).toMatch(/^started \d+ \d+ \d+$/);
    expect(lines[1]).toMatch(/^ended \d+ \d+ \d+ \d+ \d+ \d+ 0$/);
    expect(lines[1]?.split(" ").slice(1, 3)).toEqual(expected);
    expect(lines).toHaveLength(2);
    const [begin, end] = [
      BigInt(lines[0]?.split(" ")[3] ?? 0),
      BigInt(lines[1]?.split(" ")[3] ?? 0),
    ];
    expect(end >= begin).toBe(true);
  });

  test("processor time and memory of grandchildren are counted", async () => {
    const words = await finish(
      command(["sh", "-c", "(dd if=/dev/zero of=/dev/null bs=64M count=20; exit 0); exit 0"]),
    );
    expect(Number(words[4]) + Number(words[5])).toBeGreaterThan(0);
    expect(Number(words[6])).toBeGreaterThan(60_000);
  });

  test("output of 20 MB arrives whole", async () => {
    expect((await finish(command(["head", "-c", "20000000", "/dev/zero"])))[1]).toBe("0");
    expect(fs.statSync(path.join(folder, "out")).size).toBe(20_000_000);
  });

  test("what the command leaves behind is killed before the end is reported", async () => {
    const pipe = fifo();
    const attempt = launch(
      command(
        [
          "sh",
          "-c",
          '(setsid sh -c "echo $$; sleep 1000" &) ; read x < "$0"',
          path.join(folder, "go"),
        ],
        [["stdout", pipe.name]],
      ),
    );
    execFileSync("mkfifo", ["-m", "666", path.join(folder, "go")]);
    const reader = pipe.open();
    await reader.line();
    fs.writeFileSync(path.join(folder, "go"), "on\n");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 0 /);
    await reader.ended;
  });
});

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
    await finish(command(["sh", "-c", "id -u; id -g; id -G"], fields));
    expect(output("ids")).toBe(`${uid}\n${gid}\n${groups}\n`);
    expect(fs.statSync(path.join(folder, "ids")).uid).toBe(Number(uid));
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
    await finish(command(["id", "-G"], fields));
    expect(output("other").trim().split(" ").sort()).toEqual(["1", "54322", "54323"]);
  });

  asRoot("cannot be root unless that is allowed", async () => {
    const base: Field[] = [
      ["uid", "0"],
      ["gid", "0"],
      ["user", "root"],
      ["stdout", "/dev/null"],
    ];
    expect((await finish(command(["true"], base))).slice(0, 3)).toEqual(["failed", "user", "1"]);
    expect((await finish(command(["true"], [...base, ["allowRoot", "1"]])))[0]).toBe("ended");
  });

  asRoot("must have the uid that the node knows for the name", async () => {
    const words = await finish(command(["true"], [["uid", "54321"]]));
    expect(words.join(" ")).toMatch(
      /^failed user \d+ user nobody has uid 65534 on this node, not 54321$/,
    );
  });

  asRoot("gains nothing by a set-uid program", async () => {
    await finish(command(["grep", "-E", "NoNewPrivs|CapEff", "/proc/self/status"]));
    expect(output()).toMatch(/CapEff:\s+0+\n/);
    expect(output()).toMatch(/NoNewPrivs:\s+1/);
  });
});

describe("a start that fails says where and why", () => {
  asRoot("output where the user may not write", async () => {
    fs.mkdirSync(path.join(folder, "closed"), { mode: 0o755 });
    const target = path.join(folder, "closed", "file");
    expect((await finish(command(["true"], [["stdout", target]]))).join(" ")).toBe(
      `failed open-stdout 13 ${target} cannot be opened: Permission denied`,
    );
    expect((await finish(command(["true"], [["stderr", target]]))).slice(0, 3)).toEqual([
      "failed",
      "open-stderr",
      "13",
    ]);
    expect(fs.existsSync(target)).toBe(false);
  });

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
    ["a script without #!", ["x"], [["script", "echo hello\n"]], "failed exec 8 the script"],
    [
      "a cgroup that is not there",
      ["true"],
      [["join", "/sys/fs/cgroup/no/such/cgroup.procs"]],
      "failed join 2 ",
    ],
  ];
  test.each(cases)("%s", async (_name, args, fields, expected) => {
    expect((await finish(command(args, fields))).join(" ").slice(0, expected.length)).toBe(
      expected,
    );
  });

  test("text that is no program is not given to a shell", async () => {
    fs.writeFileSync(path.join(folder, "text"), "echo from a shell\n", { mode: 0o755 });
    expect((await finish(command([path.join(folder, "text")]))).slice(0, 3)).toEqual([
      "failed",
      "exec",
      "8",
    ]);
    expect((await finish(command(["text"], [["env", `PATH=${folder}`]]))).slice(0, 3)).toEqual([
      "failed",
      "exec",
      "2",
    ]);
  });
});

describe("a request that cannot be used is refused", () => {
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
    ["memory polling without a limit", [...required, ["pollMemory", "1"]]],
  ];
  test.each(cases)("%s", async (_name, fields) => {
    expect((await finish(encode(fields))).slice(0, 2)).toEqual(["failed", "request"]);
  });

  test("one that ends early, or is too large", async () => {
    const whole = command(["true"]);
    expect((await finish(whole.subarray(0, 2))).slice(0, 2)).toEqual(["failed", "request"]);
    expect((await finish(whole.subarray(0, whole.length - 1))).slice(0, 2)).toEqual([
      "failed",
      "request",
    ]);
    expect((await finish(Buffer.from([1, 0, 128, 0]))).slice(0, 3)).toEqual([
      "failed",
      "request",
      "7",
    ]);
  });

  test("any bytes end in a report, never in a crash", async () => {
    const valid = command(
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
        const attempt = launch(request, asan);
        const lines = await attempt.all();
        expect(attempt.stderr()).toBe("");
        expect(await attempt.exit).toBe(0);
        expect(lines.at(-1)).toMatch(/^(failed [a-z-]+ \d+ .+|ended( \d+){7})$/);
      }),
      { seed: 20261123, numRuns: 60 },
    );
  }, 60_000);
});

describe("what the command gets", () => {
  test("exactly the environment of the request", async () => {
    await finish(
      command(
        ["/usr/bin/env"],
        [
          ["env", "A=b=c"],
          ["env", "EMPTY="],
        ],
      ),
    );
    expect(output()).toBe("PATH=/usr/bin:/bin\nA=b=c\nEMPTY=\n");
  });

  test("no descriptor but the standard three", async () => {
    await finish(command(["ls", "/proc/self/fd"])); // 3 is the folder that ls reads
    expect(output()).toBe("0\n1\n2\n3\n");
  });

  test("a script runs from memory with its arguments, and may not change", async () => {
    const script =
      '#!/bin/sh\necho "$1|$2|$#"; readlink /proc/$$/fd/3; echo more >> "$0" || echo sealed\n';
    await finish(command(["name", "one", "two words"], [["script", script]]));
    expect(output()).toBe("one|two words|2\n/memfd:glean-script (deleted)\nsealed\n");
  });

  test("stdout and stderr of one name share a file, in order; append keeps what was there", async () => {
    fs.writeFileSync(path.join(folder, "both"), "old\n", { mode: 0o666 });
    fs.chmodSync(path.join(folder, "both"), 0o666);
    const both: Field[] = [
      ["stdout", "both"],
      ["stderr", "both"],
    ];
    await finish(
      command(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], [...both, ["open", "append"]]),
    );
    expect(output("both")).toBe("old\n1\n2\n3\n");
    await finish(command(["sh", "-c", "echo 1; echo 2 >&2"], both));
    expect(output("both")).toBe("1\n2\n");
  });

  test("its schedule, umask, cpus and limits", async () => {
    const fields: Field[] = [
      ["idle", "1"],
      ["nice", "5"],
      ["umask", "0077"],
      ["cpus", "0"],
      ["oomScoreAdj", "1000"],
    ];
    const script =
      "umask; ulimit -c; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status; cat /proc/self/stat";
    await finish(command(["sh", "-c", script], [...fields, ["stdout", "limits"]]));
    const [mask, core, score, cpus, stat] = output("limits").split("\n");
    expect([mask, core, score, cpus]).toEqual(["0077", "0", "1000", "Cpus_allowed_list:\t0"]);
    const words = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
    expect(words[16]).toBe("5"); // nice, field 19
    expect(words[38]).toBe("5"); // policy, field 41: SCHED_IDLE
    expect(fs.statSync(path.join(folder, "limits")).mode & 0o777).toBe(0o600);
  });

  test("no blocked or ignored signal", async () => {
    await finish(command(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]));
    expect(output()).toMatch(/SigBlk:\s+0+\nSigIgn:\s+0+\n/);
  });
});

describe("ending a tree", () => {
  test("K kills a double-forked grandchild in a session of its own", async () => {
    const { attempt, reader, grand } = await launchTree();
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
    await reader.ended;
    expect(fs.existsSync(`/proc/${grand}`)).toBe(false);
  });

  test("the end of the control pipe, so the end of the executor, kills it", async () => {
    const { attempt, reader } = await launchTree();
    attempt.control.end();
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
    await reader.ended;
  });

  test("SIGTERM to the supervisor kills it", async () => {
    const { attempt, reader } = await launchTree();
    attempt.child.kill("SIGTERM");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
    await reader.ended;
  });

  test("a supervisor that is killed takes the command along", async () => {
    const pipe = fifo();
    const attempt = launch(
      command(["sh", "-c", "echo up; exec sleep 1000"], [["stdout", pipe.name]]),
    );
    const reader = pipe.open();
    await reader.line();
    await attempt.next();
    attempt.child.kill("SIGKILL");
    await reader.ended;
    await attempt.exit;
  });

  test("K works while the command's output is still being opened", async () => {
    const attempt = launch(command(["true"], [["stdout", fifo().name]])); // nobody reads: the open waits
    attempt.control.write("K");
    expect((await attempt.all()).at(-1)).toMatch(/^ended 0 9 /);
  });

  test("T reaches the whole process group, and the command may end in its own way", async () => {
    const pipe = fifo();
    const inner =
      "sh -c 'trap \"echo inner; exit 0\" TERM; echo ready; while :; do sleep 0.01; done' & ";
    const script = `trap "wait; echo outer; exit 3" TERM; ${inner} while :; do sleep 0.01; done`;
    const attempt = launch(command(["sh", "-c", script], [["stdout", pipe.name]]));
    const reader = pipe.open();
    expect(await reader.line()).toBe("ready");
    attempt.control.write("T");
    expect([await reader.line(), await reader.line()]).toEqual(["inner", "outer"]);
    expect((await attempt.all()).at(-1)).toMatch(/^ended 3 0 /);
  });

  test("more memory than allowed is noticed and ends it as out of memory", async () => {
    const args = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1000000"];
    const words = await finish(
      command(args, [
        ["memoryMb", "50"],
        ["pollMemory", "1"],
      ]),
    );
    expect(words.slice(0, 3)).toEqual(["ended", "0", "9"]);
    expect(words[7]).toBe("1");
  }, 20_000);

  withCgroup(
    "the command joins its cgroup, the supervisor does not, and the cgroup is killed at once",
    async () => {
      const group = fs.mkdtempSync(path.join(unified, "glean-spawn-test-"));
      try {
        const { attempt, reader } = await launchTree([
          ["join", path.join(group, "cgroup.procs")],
          ["kill", path.join(group, "cgroup.kill")],
        ]);
        const members = fs
          .readFileSync(path.join(group, "cgroup.procs"), "utf8")
          .trim()
          .split("\n");
        expect(members.length).toBeGreaterThanOrEqual(3);
        expect(members).not.toContain(String(attempt.child.pid));
        attempt.control.write("K");
        await attempt.all();
        await reader.ended;
        expect(fs.readFileSync(path.join(group, "cgroup.events"), "utf8")).toContain("populated 0");
      } finally {
        fs.rmdirSync(group);
      }
    },
  );
});
