// Runs scripts of bash as a function does: with the programs that functions find in front of PATH,
// and with a program of Slurm's behind them that says that it was run.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placeStepNames, stepVariables } from "../../../src/executor/steps/step-names.js";

export class FunctionShell {
  readonly home = mkdtempSync(join(tmpdir(), "glean-srun-"));
  readonly folder = placeStepNames(join(this.home, "cache"));
  environment: Record<string, string> = {};

  constructor() {
    mkdirSync(join(this.home, "slurm"));
    writeFileSync(join(this.home, "slurm/srun"), '#!/bin/sh\necho "Slurm runs $*"\n');
    chmodSync(join(this.home, "slurm/srun"), 0o755);
  }

  /** Gives scripts the variables of a function of 4 cores. */
  reset(): void {
    const own = {
      PATH: `${join(this.home, "slurm")}:/usr/bin:/bin`,
      GLEANER_INVOCATION_ID: "67108864",
      GLEANER_CPUS: "4",
      SLURM_JOB_ID: "67108864",
      SLURM_NTASKS: "2",
      SLURMD_NODENAME: "n1",
    };
    this.environment = { ...own, ...stepVariables(this.folder, own) };
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  async run(script: string) {
    const child = spawn("/bin/bash", ["-c", script], {
      cwd: this.home,
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const [status] = await once(child, "close");
    return { status, stdout, stderr };
  }
}

export const sortedLines = (text: string): string[] => text.trim().split("\n").toSorted();
