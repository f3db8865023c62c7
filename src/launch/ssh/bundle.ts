// Bundles the executor and glean-spawn, which nodes receive as one file named by its hash.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { GleanerError, messageOf } from "../../model/errors.js";
import { requirePlainPath } from "../names.js";

/** Twice the size of Node (100 MB), which grows. */
const maxProgramBytes = 256 * 1024 * 1024;
/** Higher levels take three times as long and save a tenth. */
const compressionLevel = 4;

export interface BundleOptions {
  /** Paths on the daemon's machine. */
  readonly executor: string;
  readonly spawn: string;
  /** A folder of the ssh user on the nodes; created if only its last part is missing. */
  readonly directory: string;
}

export interface Bundle {
  readonly directory: string;
  /** SHA-256 of the file, in hexadecimal: the name of the folder of the programs. */
  readonly name: string;
  /** The size of the executor, which glean-spawn follows in the file. */
  readonly executorBytes: number;
  /** The file, compressed with gzip. */
  readonly packed: Promise<Buffer>;
  /** Paths on the nodes. */
  readonly programs: { readonly executor: string; readonly spawn: string };
}

/** Reads the programs; throws CONFIG if they are unusable. */
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
      `${key}: ${path} cannot be read (${messageOf(cause)}): install it on this machine, from which nodes receive it, or set placement.ssh.executor to installed`,
      { cause },
    );
  }
  if (program.length > 0 && program.length <= maxProgramBytes) return program;
  throw new GleanerError(
    "CONFIG",
    `${key}: ${path} has ${program.length} bytes: name a program of 1 to ${maxProgramBytes} bytes`,
  );
}
