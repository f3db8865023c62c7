// What is brought to nodes: the executor and glean-spawn as one file, named by its hash.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { GleanerError, messageOf } from "../../model/errors.js";
import { requirePlainPath } from "../names.js";

/** Node is 100 MB and grows by some each year. */
const maxProgramBytes = 256 * 1024 * 1024;
/** Levels above take three times as long for a tenth less. */
const compressionLevel = 4;

export interface BundleOptions {
  /** Paths on the daemon's machine. */
  readonly executor: string;
  readonly spawn: string;
  /** On the nodes, and of the ssh user alone there; made when only its last part is missing. */
  readonly directory: string;
}

export interface Bundle {
  readonly directory: string;
  /** SHA-256 of the file, in hexadecimal: what is brought lies in a folder of this name. */
  readonly name: string;
  /** The file is the executor and behind it glean-spawn. */
  readonly executorBytes: number;
  /** The file, compressed with gzip. */
  readonly packed: Promise<Buffer>;
  /** Paths on the nodes. */
  readonly programs: { readonly executor: string; readonly spawn: string };
}

/** Reads the programs; throws a GleanerError of code CONFIG when they cannot be brought. */
export function loadBundle({ executor, spawn, directory }: BundleOptions): Bundle {
  requirePlainPath("placement.ssh.directory", directory);
  const executorBytes = readProgram("programs.executor", executor);
  const file = Buffer.concat([executorBytes, readProgram("programs.spawn", spawn)]);
  const name = createHash("sha256").update(file).digest("hex");
  const folder = join(directory, name);
  return {
    directory,
    name,
    executorBytes: executorBytes.length,
    packed: promisify(gzip)(file, { level: compressionLevel }),
    programs: { executor: join(folder, "glean-executor"), spawn: join(folder, "glean-spawn") },
  };
}

function readProgram(key: string, path: string): Buffer {
  let program: Buffer;
  try {
    program = readFileSync(path);
  } catch (cause) {
    throw new GleanerError(
      "CONFIG",
      `${key}: ${path} cannot be read (${messageOf(cause)}): put it on this machine, from where it is brought to the nodes, or set placement.ssh.executor to installed.`,
      { cause },
    );
  }
  if (program.length > 0 && program.length <= maxProgramBytes) return program;
  throw new GleanerError(
    "CONFIG",
    `${key}: ${path} has ${program.length} bytes, and a program has 1 to ${maxProgramBytes}: is it the right file?`,
  );
}
