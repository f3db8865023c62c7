// Functions that move, are removed or lose their executors while they are called, that another user
// has under the same name, and that find the disk full, with real gleanerd, executors and workers.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { until } from "../../scripts/cluster/until.js";
import { parseProcessMark, processMarkFile } from "../../src/launch/process-mark.js";
import { errorCodeOf } from "../../src/model/errors.js";
import { nodeName } from "../../src/model/ids.js";
import { codeOf, type FunctionCode } from "../support/executor/function-code.js";
import { type PaperSite, paperSite } from "../support/site/paper.js";

jest.setTimeout(120_000);
const patienceMs = 30_000;
/** A disk that a test may fill. */
const diskMb = 64;
let at: PaperSite;
let state = "";

beforeAll(async () => {
  at = await paperSite({ store: { reserveMb: 8 } }, (dir) => {
    const home = join(dir, "gleaner");
    state = join(home, "state");
    for (const folder of [home, state]) mkdirSync(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMb}m,mode=700`, "none", state]);
  });
});
afterAll(async () => {
  execFileSync("umount", ["-l", state]); // gleanerd ends a little later
  await at?.stop();
});

/** Answers with its version and its input, as soon as the gate is open. */
const version = (name: string): Promise<FunctionCode> =>
  codeOf({
    "index.mjs": `import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
export default async ({ gate, n }, { callId }) => {
  while (gate && !existsSync(gate)) await pause(5);
  return { version: ${JSON.stringify(name)}, n };
}`,
  });

const gateOf = (name: string) => join(at.work, name);
const open = (gate: string) => writeFileSync(gate, "");
const running = () => at.count("SELECT count(*) FROM attempt WHERE state = 'RUNNING'");
const runs = (calls: number) =>
  until(
    patienceMs,
    async () => (running() === calls ? true : undefined),
    () => new Error(`${running()} of ${calls} calls run`),
  );
const own = (name: string) => ({ owner: null, name });

test("a call keeps its version when the alias moves and the function is removed", async () => {
  const gate = gateOf("moved");
  await at.deploy("moving", await version("one"), randomUUID());
  const first = await at.gleaner.submit("moving", { gate, n: 1 });
  await runs(1);
  await at.deploy("moving", await version("two"), randomUUID());
  const second = await at.gleaner.submit("moving", { gate, n: 2 });
  await runs(2);
  await at.client.functions.remove(own("moving"));
  open(gate);
  expect(await Promise.all([first, second].map((id) => at.gleaner.result(id)))).toEqual([
    { version: "one", n: 1 },
    { version: "two", n: 2 },
  ]);
  await expect(at.gleaner.invoke("moving", {})).rejects.toMatchObject({ code: "NOT_FOUND" });
});

/** A map of which each result is taken as it comes. */
async function mapped(name: string, gate: string, calls: number): Promise<unknown[]> {
  const inputs = Array.from({ length: calls }, (_, n) => ({ gate, n }));
  const values: unknown[] = [];
  for await (const result of at.gleaner.map(name, inputs)) values.push(result.ok && result.value);
  return values;
}
const all = (name: string, calls: number) =>
  Array.from({ length: calls }, (_, n) => ({ version: name, n }));
const postings = () => at.count("SELECT count(*) FROM posting");

test("a map whose executors are killed has every result once, and is billed once", async () => {
  const gate = gateOf("killed");
  await at.deploy("killed", await version("it"), randomUUID());
  const before = postings();
  const map = mapped("killed", gate, 30);
  await runs(8);
  for (const node of ["n1", "n2"]) {
    const mark = readFileSync(processMarkFile(at.site.files.run, nodeName(node)), "utf8");
    process.kill(parseProcessMark(mark)!.pid, "SIGKILL");
  }
  open(gate);
  expect(await map).toEqual(all("it", 30));
  expect(postings() - before).toBe(30);
});

test("two users have functions of one name, and call each other's only where they are shared", async () => {
  const users = ["nobody", "daemon"];
  for (const user of users) {
    const file = join(at.work, `${user}.mjs`);
    writeFileSync(file, `export default () => "the one of ${user}";`);
    chmodSync(file, 0o644);
    await at.site.gleanOrThrow(["function", "deploy", "same", file, "--check", "none"], { user });
  }
  const call = async (user: string, name: string) => {
    const { stdout, stderr } = await at.site.glean(["invoke", name], { user });
    return `${stdout}${stderr}`.trim();
  };
  for (const user of users) expect(await call(user, "same")).toContain(`the one of ${user}`);
  expect(await call("daemon", "nobody/same")).toMatch(/nobody has no function same that is shared/);
  await at.site.gleanOrThrow(["function", "share", "same", "all"], { user: "nobody" });
  expect(await call("daemon", "nobody/same")).toContain("the one of nobody");
});

/** Not by what is free: gleanerd writes meanwhile. */
function fillDisk(filler: string): void {
  const file = openSync(filler, "w");
  const piece = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(file, piece);
  } catch (thrown) {
    expect(errorCodeOf(thrown)).toBe("ENOSPC");
  } finally {
    closeSync(file);
  }
}

test("a disk that is full in the middle of a map loses nothing, and refuses what is new", async () => {
  const gate = gateOf("full");
  await at.deploy("full", await version("it"), randomUUID());
  const before = postings();
  const map = mapped("full", gate, 30);
  await runs(8);
  const filler = join(state, "filler");
  fillDisk(filler);
  open(gate);
  // The next look at the disk, after which submissions are refused.
  const refused = await until(
    patienceMs,
    () =>
      at.gleaner.submit("full", { n: 0 }).then(
        () => undefined,
        (error) => error,
      ),
    () => new Error("calls are accepted although the disk is full"),
  );
  expect(refused.message).toMatch(/disk/);
  await until(
    patienceMs,
    async () =>
      /cannot record an end/.test(readFileSync(at.site.files.daemonLog, "utf8")) || undefined,
    () => new Error("every end was recorded although the disk is full"),
  );
  rmSync(filler);
  expect(await map).toEqual(all("it", 30));
  expect(postings() - before).toBe(30);
  await at.site.gleanOrThrow(["bill", "--verify"]);
});
