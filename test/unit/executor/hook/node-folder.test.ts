// The claim to a node's folder: of a dead executor's it keeps what the hook still needs, the cgroup of functions that are dying.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { NodeFolder } from "../../../../src/executor/hook/node-folder.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";

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

test("the cgroup of a dead executor stays in sight until the new one publishes its own", () => {
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

test.each([
  ["had published none", dead],
  ["names a file elsewhere", `${dead}kill=/etc/passwd\n`],
  ["left nonsense", "nonsense\n"],
])("a dead executor that %s leaves nothing", (_what, content) => {
  writeFileSync(pidFile(), content);
  claim();
  expect(published()).toHaveLength(3);
});

test("a living executor keeps its claim", () => {
  claim();
  expect(claim).toThrow(/is running in .*: stop it first/);
});
