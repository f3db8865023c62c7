// Running one command: its environment, its limits, and the sentences when it fails.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { runAsChild } from "../../../src/processes/run.js";
import { maxOutputBytes, runCommand } from "../../../src/slurm/command.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slurm-command-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const script = (name: string, body: string) =>
  writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
const options = (timeoutMs = 60_000) => ({
  slurmConf: "/some/slurm.conf",
  binDirectory: folder,
  timeoutMs,
  runProgram: runAsChild,
});

describe("runCommand", () => {
  test("passes arguments unchanged, without a shell", async () => {
    script("echoed", 'printf "%s\\n" "$@"');
    const result = await runCommand("echoed", ["$(id)", "a b", "; true"], {}, options());
    expect(result).toEqual({
      exitCode: 0,
      stdout: Buffer.from("$(id)\na b\n; true\n"),
      complaint: "$(id)",
    });
  });

  test("passes only the requested environment", async () => {
    script("environment", "exec env");
    process.env.SQUEUE_STATES = "FAILED";
    try {
      const { stdout } = await runCommand("environment", [], { SQUEUE_FORMAT: "%A" }, options());
      const names = stdout.toString().trim().split("\n").sort();
      expect(names.filter((line) => !/^(PWD|_|SHLVL|OLDPWD)=/.test(line))).toEqual([
        "LC_ALL=C",
        `PATH=${process.env.PATH}`,
        "SLURM_CONF=/some/slurm.conf",
        "SQUEUE_FORMAT=%A",
        "TZ=UTC",
      ]);
    } finally {
      delete process.env.SQUEUE_STATES;
    }
  });

  test("returns the exit status and the first line of the error", async () => {
    script("fails", "echo out; echo 'first line' >&2; echo second >&2; exit 3");
    const { exitCode, complaint } = await runCommand("fails", [], {}, options());
    expect({ exitCode, complaint }).toEqual({ exitCode: 3, complaint: "first line" });
  });

  test("shortens a long error", async () => {
    script("long", "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
    const { complaint } = await runCommand("long", [], {}, options());
    expect(complaint).toBe("x".repeat(300));
  });

  test("kills a hanging command with its children", async () => {
    script("hangs", "sleep 1000 & sleep 1000");
    const mark = `HANGS_MARK=${folder}`;
    const answer = runCommand("hangs", [], { HANGS_MARK: folder }, options(500));
    await expect(answer).rejects.toMatchObject({
      code: "SLURM",
      message: expect.stringContaining("hangs did not answer within 500 ms and was killed"),
    });
    while (processesWith(mark) > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test("kills a command that writes too much", async () => {
    script("floods", "exec cat /dev/zero");
    await expect(runCommand("floods", [], {}, options())).rejects.toMatchObject({
      code: "SLURM",
      message: `floods wrote more than ${maxOutputBytes} bytes and was killed: run it by hand to see what it prints`,
    });
  });

  test("reports a killed and a missing command", async () => {
    script("killed", "kill -9 $$");
    await expect(runCommand("killed", [], {}, options())).rejects.toMatchObject({
      code: "SLURM",
      message: expect.stringContaining("killed by SIGKILL"),
    });
    await expect(runCommand("missing", [], {}, options())).rejects.toMatchObject({
      code: "SLURM",
      message: expect.stringMatching(/cannot run .*missing .*ENOENT.*set slurm\.binDirectory/),
    });
  });
});

/** How many live processes have a variable in their environment. */
function processesWith(variable: string): number {
  return readdirSync("/proc").filter((entry) => {
    try {
      return readFileSync(`/proc/${entry}/environ`, "latin1").split("\0").includes(variable);
    } catch {
      return false;
    }
  }).length;
}
