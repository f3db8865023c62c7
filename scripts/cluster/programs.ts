// The one place that knows where Slurm's and munge's programs are, and how to get them when they are missing.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GleanerError } from "../../src/model/errors.js";

/** Where programs are looked for: PATH, then the folders of daemons that a user's PATH often lacks. */
export const programPath = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/usr/bin"]
  .filter((part) => part)
  .join(":");

/** What a cluster needs, each program with its Debian package, in the form that apt.sh takes. */
const slurmNeeds = [
  "munged=munge",
  "slurmctld=slurm-wlm",
  "slurmd=slurm-wlm",
  "sbatch=slurm-wlm",
  "sinfo=slurm-wlm",
];

const aptScript = fileURLToPath(new URL("../lib/apt.sh", import.meta.url));

/** The full path of a program. Throws a GleanerError when it is not installed. */
export function findProgram(name: string): string {
  for (const folder of programPath.split(":")) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder: look in the next
    }
  }
  throw new GleanerError(
    "SLURM",
    `The program ${name} is not installed: install the packages slurm-wlm and munge.`,
  );
}

/**
 * Installs packages whose program or file is missing; `needs` are "PROGRAM-OR-FILE=PACKAGE", e.g. "gcc=gcc".
 * apt's progress goes to standard error. Throws a GleanerError with one sentence when it cannot be done.
 */
export async function ensureInstalled(needs: string[]): Promise<void> {
  const child = spawn(aptScript, needs, { stdio: ["ignore", "inherit", "pipe"] });
  let lastLine = "";
  child.stderr.on("data", (chunk: Buffer) => {
    lastLine = chunk.toString().trimEnd().split("\n").at(-1) ?? lastLine;
    if (process.getuid?.() === 0) process.stderr.write(chunk);
  });
  const [exitCode] = await once(child, "close");
  if (exitCode !== 0) throw new GleanerError("SLURM", lastLine || "Installing packages failed.");
}

/** Makes sure that Slurm and munge are installed: with apt as root, otherwise an error that says what to install. */
export async function ensureSlurmInstalled(): Promise<void> {
  await ensureInstalled(slurmNeeds);
}

/** Of the Slurm that is installed, e.g. "22.05.8". */
export function slurmVersion(): string {
  const said = execFileSync(findProgram("slurmctld"), ["-V"], { encoding: "utf8" });
  return said.trim().split(" ").at(-1) ?? "";
}
