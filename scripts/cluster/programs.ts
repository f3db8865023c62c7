// The single place that knows where the programs of Slurm and munge are, and how to install missing
// ones.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GleanerError } from "../../src/model/errors.js";

/**
 * Where programs are searched: PATH, then the folders of daemons that a user's PATH often lacks.
 */
export const programPath = [process.env.PATH, "/usr/local/sbin", "/usr/sbin", "/usr/bin"]
  .filter((part) => part)
  .join(":");

/** The needs of a cluster, each program with its Debian package, in the form that apt.sh takes. */
const slurmNeeds = [
  "munged=munge",
  "slurmctld=slurm-wlm",
  "slurmd=slurm-wlm",
  "sbatch=slurm-wlm",
  "sinfo=slurm-wlm",
];

const aptScript = fileURLToPath(new URL("../lib/apt.sh", import.meta.url));

/** The full path of a program. Throws a GleanerError if it is not installed. */
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
 * Installs packages whose program or file is missing; `needs` are "PROGRAM-OR-FILE=PACKAGE", such
 * as "gcc=gcc". apt's progress goes to standard error. Throws a GleanerError with one sentence if
 * that fails.
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

/**
 * Makes sure that Slurm and munge are installed: with apt as root, otherwise an error that says
 * what to install.
 */
export async function ensureSlurmInstalled(): Promise<void> {
  await ensureInstalled(slurmNeeds);
}

/** The installed Slurm's version, such as "22.05.8". */
export function slurmVersion(): string {
  const said = execFileSync(findProgram("slurmctld"), ["-V"], { encoding: "utf8" });
  return said.trim().split(" ").at(-1) ?? "";
}
