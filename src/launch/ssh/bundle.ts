// Bundles the executor, glean-spawn and the runtimes, which nodes receive as one tar named by its
// hash.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { endBlocks, headerBlocks, paddingOf } from "../../bundle/tar.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import { requirePlainPath } from "../names.js";

/** Twice the size of Node (100 MB), which grows. */
const maxProgramBytes = 256 * 1024 * 1024;
/** They lie beside the executor, here and on the nodes: files, and folders of files. */
const runtimePrefix = "glean-runtime-";
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
  /** The tar, compressed with gzip. */
  readonly packed: Promise<Buffer>;
  /** Paths on the nodes. */
  readonly programs: { readonly executor: string; readonly spawn: string };
}

/** Reads the programs; throws CONFIG if they are unusable. */
export function loadBundle({ executor, spawn, directory }: BundleOptions): Bundle {
  requirePlainPath("placement.ssh.directory", directory);
  const members = [
    { name: "glean-executor", content: readProgram("programs.executor", executor) },
    { name: "glean-spawn", content: readProgram("programs.spawn", spawn) },
    ...runtimesBeside(executor),
  ];
  const file = Buffer.concat([...members.flatMap(tarOf), endBlocks]);
  const name = createHash("sha256").update(file).digest("hex");
  const folder = join(directory, name);
  return {
    directory,
    name,
    packed: promisify(gzip)(file, { level: compressionLevel }),
    programs: { executor: join(folder, "glean-executor"), spawn: join(folder, "glean-spawn") },
  };
}

interface Member {
  readonly name: string;
  readonly content: Buffer;
}

/** All are executable: what a runtime only reads need not be told apart. */
const tarOf = ({ name, content }: Member): Buffer[] => [
  headerBlocks({ kind: "file", name, bytes: content.length, executable: true }),
  content,
  Buffer.alloc(paddingOf(content.length)),
];

function runtimesBeside(executor: string): Member[] {
  const folder = dirname(executor);
  const names = readdirSync(folder).filter((name) => name.startsWith(runtimePrefix));
  return names.toSorted().flatMap((name) => membersIn(folder, name));
}

function membersIn(folder: string, name: string): Member[] {
  const path = join(folder, name);
  if (!statSync(path).isDirectory())
    return [{ name, content: readProgram("programs.executor", path) }];
  const inside = readdirSync(path).toSorted();
  return inside.flatMap((each) => membersIn(folder, join(name, each)));
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
