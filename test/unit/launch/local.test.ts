// The local launcher with a real process that records how it was started.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import { createLocalLauncher } from "../../../src/launch/local.js";
import { executorId, nodeName } from "../../../src/model/ids.js";
import { killAndWait, layOutNode, startRecord } from "../../support/launch/recorder.js";

const n1 = nodeName("n1");
const executor = executorId("e1");
const input = `${JSON.stringify({ node: "n1", secret: "s3cr3t" })}\n`;

let folder: string;
let options: ReturnType<typeof layOutNode>;
let launcher: Launcher;
let started: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-launch-"));
  options = layOutNode(folder);
  launcher = createLocalLauncher(options);
  started = [];
});

afterEach(async () => {
  await launcher.close();
  for (const pid of started) await killAndWait(pid);
  rmSync(folder, { recursive: true });
});

async function launch() {
  await launcher.launch(n1, "127.0.0.1", executor, input);
  const record = await startRecord(folder, "n1");
  started.push(record.pid);
  return record;
}

describe("local launcher", () => {
  test("starts the executor in a session of its own, with its input and a bare environment", async () => {
    process.env.GLEANER_TEST_SECRET = "not to be inherited";
    const record = await launch();
    delete process.env.GLEANER_TEST_SECRET;
    expect(record.input).toBe(input);
    expect(record.session).toBe(String(record.pid));
    expect(Object.keys(record.environment)).toEqual(["PATH", "NODE_OPTIONS"]);
    expect(record.argv).toEqual([options.node, options.executorProgram]);
    expect([record.directory, record.umask]).toEqual(["/", 0o077]);
  });

  test("keeps the log private to its owner and appends to it", async () => {
    const log = join(options.logDirectory, "executor-n1.log");
    writeFileSync(log, "before\n", { mode: 0o600 });
    await launch();
    expect(readFileSync(log, "utf8")).toBe("before\nstarted\n");
    expect(statSync(log).mode & 0o777).toBe(0o600);
  });

  test("leaves the daemon's own umask as it was", async () => {
    const before = process.umask();
    await launch();
    expect(process.umask()).toBe(before);
  });

  test("distinguishes a running executor from one that is gone", async () => {
    expect(await launcher.probe(n1, "127.0.0.1", executor)).toBe("gone");
    const { pid } = await launch();
    expect(await launcher.probe(n1, "127.0.0.1", executor)).toBe("running");
    await killAndWait(pid);
    expect(await launcher.probe(n1, "127.0.0.1", executor)).toBe("gone");
  });

  test("finds the executor by its mark after a restart of the daemon", async () => {
    const { pid } = await launch();
    const restarted = createLocalLauncher(options);
    expect(await restarted.probe(n1, "127.0.0.1", executor)).toBe("running");
    await killAndWait(pid);
    expect(await restarted.probe(n1, "127.0.0.1", executor)).toBe("gone");
  });

  test("does not trust a mark of another process with the same pid", async () => {
    const { pid } = await launch();
    writeFileSync(join(options.runDirectory, "n1/executor.pid"), `pid=${pid}\nstartTicks=1\n`);
    const restarted = createLocalLauncher(options);
    expect(await restarted.probe(n1, "127.0.0.1", executor)).toBe("gone");
  });

  test("reports an executor as unknown if its mark cannot be read", async () => {
    rmSync(options.runDirectory, { recursive: true });
    writeFileSync(options.runDirectory, "a file where a folder should be");
    expect(await launcher.probe(n1, "127.0.0.1", executor)).toBe("unknown");
  });

  test.each([
    ["a missing program", { node: "/nowhere/node" }, "/nowhere/node"],
    ["a missing log folder", { logDirectory: "/nowhere/log" }, "/nowhere/log"],
  ])("refuses %s and says what to check", async (_, wrong, named) => {
    const broken = createLocalLauncher({ ...options, ...wrong });
    await expect(broken.launch(n1, "127.0.0.1", executor, input)).rejects.toMatchObject({
      code: "LAUNCH",
      message: expect.stringContaining(named),
    });
  });

  test.each(["../n1", "a/b", "", ".", "-n"])("the node name %j is refused", async (name) => {
    const launching = launcher.launch(nodeName(name), "127.0.0.1", executor, input);
    await expect(launching).rejects.toMatchObject({ code: "LAUNCH" });
  });
});
