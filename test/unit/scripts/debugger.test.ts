// Node's debugger never opens in our programs, whenever SIGUSR1 arrives: it would be open to every
// user of the machine.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { setTimeout } from "../../../src/clock.js";
import { noDebugger } from "../../../src/launch/names.js";

interface Bundles {
  makeBundles(names: readonly string[], folder: string, version: string): Promise<void>;
}

let folder: string;
let child: ChildProcess | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-debugger-"));
  const { makeBundles } = (await import("../../../scripts/bundle/bundles.mjs")) as Bundles;
  await makeBundles(["glean-executor", "gleanerd"], folder, "0.0.0");
});
afterEach(() => void child?.kill("SIGKILL"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits for its launch on standard input, which never comes. */
function start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  const PATH = process.env.PATH!;
  child = spawn(process.execPath, [...args, join(folder, "glean-executor.cjs")], {
    env: { PATH, ...environment },
    stdio: ["pipe", "ignore", "pipe"],
  });
  return child;
}

/** The TCP sockets that a process listens on. */
function listens(pid: number): string[] {
  const tables = ["tcp", "tcp6"].map((name) => readFileSync(`/proc/${pid}/net/${name}`, "utf8"));
  const inodes = tables
    .join("\n")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[3] === "0A")
    .map((words) => `socket:[${words[9]}]`);
  const own = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return own.filter((name) => inodes.includes(name));
}

const statusOf = (pid: number, key: string): bigint => {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(
    new RegExp(`^${key}:\\s+(\\w+)`, "m"),
  );
  return BigInt(`0x${line![1]}`);
};
/** Only a program's own first line takes SIGUSR2: Node leaves it alone. */
const isGuarded = (pid: number) => (statusOf(pid, "SigCgt") & (1n << 11n)) !== 0n;

const soon = () => new Promise<void>((resolve) => void setTimeout(resolve, 1));

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await soon();
}

/** An inspector that opens says so on standard error, and so does one that cannot. */
async function saidAfter(process_: ChildProcess): Promise<string> {
  let said = "";
  process_.stderr!.on("data", (text) => {
    said += String(text);
  });
  process_.stdin!.end();
  await new Promise((resolve) => process_.once("close", resolve));
  return said;
}

describe("SIGUSR1 opens no debugger", () => {
  test("while the program runs", async () => {
    const { pid } = start([]);
    await until(() => isGuarded(pid!));
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.kill(pid!, signal);
    await until(() => statusOf(pid!, "ShdPnd") === 0n);
    const said = await saidAfter(child!);
    expect(said).not.toMatch(/[Dd]ebugger|inspector/);
    expect(said).toMatch(/glean-executor is started by gleanerd/);
  });

  test.each([
    ["as an argument", [noDebugger], {}],
    ["in the environment", [], { NODE_OPTIONS: noDebugger }],
  ])(
    "while it starts, with an address that no machine has, %s",
    async (_how, args, environment) => {
      const started = start(args, environment);
      const pid = started.pid!;
      let isOpen = false;
      // Node's own handler first: before it, the signal ends the process.
      await until(() => (statusOf(pid, "SigCgt") & (1n << 9n)) !== 0n);
      for (let sent = 0; sent < 100; sent++) {
        process.kill(pid, "SIGUSR1");
        isOpen ||= listens(pid).length > 0;
        await soon();
      }
      await until(() => isGuarded(pid));
      isOpen ||= listens(pid).length > 0;
      expect(isOpen).toBe(false);
      expect(await saidAfter(started)).toMatch(/glean-executor is started by gleanerd/);
    },
  );
});

test("a core file of the program contains none of its memory", async () => {
  const { pid } = start([]);
  await until(() => isGuarded(pid!));
  await until(() => readFileSync(`/proc/${pid}/coredump_filter`, "utf8").trim() === "00000000");
});

test("gleanerd starts with the same guard", () => {
  const guard = readFileSync("scripts/bundle/guard.cjs", "utf8");
  expect(readFileSync(join(folder, "gleanerd.cjs"), "utf8").startsWith(guard)).toBe(true);
});
