// Claiming a node's folder: keeps what the hook still needs of a dead executor's, the cgroup of
// functions that are dying.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { watchFolder } from "../../../../src/executor/hook/folder-watch.js";
import { NodeFolder } from "../../../../src/executor/hook/node-folder.js";
import { executorId, jobId, nodeName } from "../../../../src/model/ids.js";

const node = nodeName("n1");
const killFile = "/sys/fs/cgroup/gleaner/x-n1/cgroup.kill";
/** A process of this number ended before it could have been started now. */
const dead = `pid=${process.pid}\nstartTicks=1\nexecutor=old\n`;

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "glean-folder-")), "run");
  mkdirSync(join(folder, node), { recursive: true, mode: 0o700 });
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

const pidFile = () => join(folder, node, "executor.pid");
const claim = () => NodeFolder.claim(folder, node, executorId("new"));
const published = () => readFileSync(pidFile(), "latin1").split("\n").filter(Boolean);

test("the cgroup of a dead executor stays recorded until the new executor records its own", () => {
  writeFileSync(pidFile(), `${dead}kill=${killFile}\n`);
  const claimed = claim();
  expect(published()).toEqual([
    `pid=${process.pid}`,
    expect.stringMatching(/^startTicks=\d{2,}$/),
    "executor=new",
    `kill=${killFile}`,
  ]);
  claimed.publishKillFile(null);
  expect(published()).toHaveLength(3);
  expect(readdirSync(join(folder, node))).toEqual(["executor.pid"]);
});

describe("a claim", () => {
  const own = () => join(folder, node);
  const mount = (...words: string[]) => execFileSync("mount", [...words, own()]);
  afterEach(() => void execFileSync("umount", ["-l", own()]));

  test("says that there is no room for it, and leaves nothing", () => {
    mount("-t", "tmpfs", "-o", "size=4k,mode=700", "none");
    writeFileSync(join(own(), "another"), "x");
    expect(claim).toThrow(
      `${own()} cannot be written (ENOSPC): check its file system, and how much`,
    );
    expect(readdirSync(own())).toEqual(["another"]);
  });

  test("says that it is read-only", () => {
    mount("-t", "tmpfs", "-o", "ro,mode=700", "none");
    expect(claim).toThrow(
      `${own()} cannot be written (EROFS): check its file system, and how much`,
    );
  });
});

test("a full or read-only disk ends no executor: what cannot be noted or removed waits", () => {
  const own = join(folder, node);
  const hung = process.ppid;
  const mount = (...words: string[]) => execFileSync("mount", [...words, own]);
  mount("-t", "tmpfs", "-o", "nr_inodes=5,mode=700", "none"); // itself, the pid file, three more
  try {
    const claimed = claim();
    mkdirSync(join(own, "jobs"), { mode: 0o700 });
    writeFileSync(join(own, "jobs/7.2.-"), "");
    writeFileSync(join(own, "fills"), "");
    claimed.noteUnkillable([hung]);
    expect(claimed.readUnkillable()).toEqual([]);
    mount("-o", "remount,ro");
    claimed.noteUnkillable([hung]);
    claimed.removeMarks(new Set([jobId(7)]));
    expect(claimed.readMarks().map(({ job }) => job)).toEqual([7]);
    mount("-o", "remount,rw,nr_inodes=99");
    claimed.noteUnkillable([hung]);
    expect(claimed.readUnkillable()).toEqual([hung]);
    claimed.removeMarks(new Set([jobId(7)]));
    expect(claimed.readMarks()).toEqual([]);
  } finally {
    execFileSync("umount", ["-l", own]);
  }
});

describe("a note of a process that hangs", () => {
  const own = () => join(folder, node);
  const notes = () => join(own(), "unkillable");

  test.each([
    ["node's folder", own],
    ["run directory", () => folder],
  ])("makes the %s again, for this user alone", (_what, path) => {
    const claimed = claim();
    rmSync(path(), { recursive: true });
    claimed.noteUnkillable([process.pid]);
    expect(claimed.readUnkillable()).toEqual([process.pid]);
    for (const each of [folder, own(), notes()]) expect(statSync(each).mode & 0o777).toBe(0o700);
  });

  test("goes beside that of a prolog which made their folder meanwhile", () => {
    const claimed = claim();
    mkdirSync(notes(), { mode: 0o700 });
    claimed.noteUnkillable([process.pid]);
    claimed.noteUnkillable([process.pid]);
    expect(claimed.readUnkillable()).toEqual([process.pid]);
  });

  test.each([
    ["a file in place of their folder", () => writeFileSync(notes(), "")],
    [
      "a file in place of the node's folder",
      () => {
        rmSync(own(), { recursive: true });
        writeFileSync(own(), "");
      },
    ],
    ["a link to itself in place of their folder", () => symlinkSync("unkillable", notes())],
    [
      "a link to another folder in place of the node's",
      () => {
        rmSync(own(), { recursive: true });
        mkdirSync(join(folder, "another"));
        symlinkSync("another", own());
      },
    ],
    ["a folder in place of a note", () => mkdirSync(join(notes(), "7.1"), { recursive: true })],
  ])("ends no executor if there is %s", (_what, spoil) => {
    const claimed = claim();
    spoil();
    expect(claimed.readUnkillable()).toEqual([]);
    expect(() => claimed.noteUnkillable([process.pid])).not.toThrow();
    if (statSync(join(folder, "another"), { throwIfNoEntry: false }))
      expect(readdirSync(join(folder, "another"))).toEqual([]);
  });
});

test.each([
  ["had published none", dead],
  ["names a file elsewhere", `${dead}kill=/etc/passwd\n`],
  ["left nonsense", "nonsense\n"],
])("nothing remains of a dead executor that %s", (_what, content) => {
  writeFileSync(pidFile(), content);
  claim();
  expect(published()).toHaveLength(3);
});

test("a living executor keeps its claim", () => {
  claim();
  expect(claim).toThrow(/is running in .*: stop it first/);
});

test("missing folders are created for this user alone, and removed with the executor", () => {
  rmSync(folder, { recursive: true });
  const claimed = claim();
  for (const path of [folder, join(folder, node)]) expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(statSync(pidFile()).mode & 0o777).toBe(0o600);
  expect(claimed.socketPath).toBe(join(folder, node, "hook.sock"));
  writeFileSync(claimed.socketPath, "");
  claimed.leave();
  expect(readdirSync(join(folder, node))).toEqual([]);
});

test.each([
  ["others may write to", () => chmodSync(join(folder, node), 0o720)],
  ["all may write to", () => chmodSync(folder, 0o702)],
  [
    "is a link",
    () => {
      rmSync(join(folder, node), { recursive: true });
      symlinkSync(tmpdir(), join(folder, node));
    },
  ],
])("a folder that %s is refused", (_what, spoil) => {
  spoil();
  expect(claim).toThrow(/must be a directory that only uid \d+ owns and may write to/);
});

test("a folder that others may read is accepted; a file in its place is not", () => {
  chmodSync(folder, 0o755);
  claim();
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "");
  expect(claim).toThrow();
});

test("a path that is too long for a socket is refused with the folder to shorten", () => {
  const named = (length: number) => nodeName("n".repeat(length));
  const room = 107 - Buffer.byteLength(join(folder, "/hook.sock")) - 1;
  const claimAs = (length: number) => NodeFolder.claim(folder, named(length), executorId("new"));
  expect(() => claimAs(room)).not.toThrow();
  expect(() => claimAs(room + 1)).toThrow(
    /longer than the limit of 107 bytes .* shorter runDirectory/,
  );
});

describe("files that the hook left", () => {
  const write = (...path: string[]) => {
    mkdirSync(join(folder, node, ...path.slice(0, -1)), { recursive: true });
    writeFileSync(join(folder, node, ...path), "");
  };

  test("include the valid marks of jobs, until they are removed", () => {
    const claimed = claim();
    expect(claimed.readMarks()).toEqual([]);
    for (const mark of ["7.4.-", "8.2.0,1", "nonsense", "9.1.x"]) write("jobs", mark);
    expect(claimed.readMarks()).toEqual([
      { job: 7, cpus: 4, gpus: [] },
      { job: 8, cpus: 2, gpus: [0, 1] },
    ]);
    claimed.removeMarks(new Set([jobId(7), jobId(99)]));
    expect(readdirSync(join(folder, node, "jobs")).sort()).toEqual([
      "8.2.0,1",
      "9.1.x",
      "nonsense",
    ]);
  });

  test("include each note of a killed executor once, with its time", () => {
    const claimed = claim();
    write("killed.7.30");
    write("late.8.40.2");
    write("killed.x");
    utimesSync(join(folder, node, "killed.7.30"), 5, 6);
    const notes = [...claimed.takeKillNotes()].sort((a, b) => a.job - b.job);
    expect(notes).toEqual([
      { job: 7, tookMs: 30, left: 0, atWallMs: 6_000 },
      { job: 8, tookMs: 40, left: 2, atWallMs: expect.any(Number) },
    ]);
    expect(claimed.takeKillNotes()).toEqual([]);
    expect(readdirSync(join(folder, node)).sort()).toEqual(["executor.pid", "killed.x"]);
  });

  test("include the notes of processes that still hang; others are removed", () => {
    const claimed = claim();
    expect(claimed.readUnkillable()).toEqual([]);
    claimed.noteUnkillable([]);
    expect(readdirSync(join(folder, node))).toEqual(["executor.pid"]);
    claimed.noteUnkillable([process.pid, 4_194_305]);
    write("unkillable", `${process.pid}.1`);
    write("unkillable", "nonsense");
    expect(claimed.readUnkillable()).toEqual([process.pid]);
    expect(readdirSync(join(folder, node, "unkillable"))).toEqual([
      expect.stringMatching(new RegExp(`^${process.pid}\\.\\d{2,}$`)),
    ]);
  });
});

describe("the hook does not find the executor any more", () => {
  const changes: readonly [string, () => void, RegExp][] = [
    ["the folder is opened to others", () => chmodSync(join(folder, node), 0o777), /must be a dir/],
    [
      "the run directory is opened to others",
      () => chmodSync(folder, 0o770),
      /must be a directory/,
    ],
    [
      "the folder is removed",
      () => rmSync(join(folder, node), { recursive: true }),
      /must be a dir/,
    ],
    ["the claim is removed", () => rmSync(pidFile()), /was removed or replaced/],
    [
      "the claim cannot be read, as without a free descriptor",
      () => {
        rmSync(pidFile());
        mkdirSync(pidFile());
      },
      /executor\.pid cannot be read \(EISDIR\)/,
    ],
    [
      "the run directory is behind a link to itself",
      () => {
        rmSync(join(folder, ".."), { recursive: true });
        symlinkSync(join(folder, ".."), join(folder, ".."));
      },
      /run\/n1 cannot be read \(ELOOP\)/,
    ],
    ["the claim is another's", () => writeFileSync(pidFile(), "pid=1\n"), /removed or replaced/],
  ];

  test.each(changes)("if %s", (_what, change, reason) => {
    const claimed = claim();
    expect(claimed.problem).toBeNull();
    change();
    expect(claimed.problem).toMatch(reason);
  });

  test("and the executor hears of it once", async () => {
    const claimed = claim();
    const lost = new Promise<string>((resolve) => watchFolder(claimed, resolve));
    rmSync(pidFile());
    expect(await lost).toMatch(/was removed or replaced/);
  });
});
