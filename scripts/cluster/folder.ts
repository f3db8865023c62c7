// The folder of a cluster: its layout, its creation and its removal.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { prefixOf } from "../../src/executor/runtimes/temporary-folder.js";
import { errorCodeOf, GleanerError } from "../../src/model/errors.js";
import { type NodeName, nodeName } from "../../src/model/ids.js";

/**
 * A unix socket's path has at most 107 bytes; slurmstepd's is
 * DIR/spool/n98/n98_4294967295.4294967291.
 */
const MAX_DIR_LENGTH = 107 - "/spool/n98/n98_4294967295.4294967291".length;
/** The default of functions.temporaryDirectory. */
const temporaryDirectory = "/tmp";
/** The size that munged recommends; it reads the whole file. */
const MUNGE_KEY_BYTES = 128;

export type ClusterFolder = ReturnType<typeof clusterFolder>;

/** The paths inside the folder of a cluster. */
export function clusterFolder(dir: string) {
  const logs = join(dir, "log");
  return {
    dir,
    /** Marks the folder as a cluster's, and holds its node names as a JSON array. */
    marker: join(dir, "cluster.json"),
    slurmConf: join(dir, "slurm.conf"),
    gresConf: join(dir, "gres.conf"),
    cgroupConf: join(dir, "cgroup.conf"),
    munge: join(dir, "munge"),
    mungeKey: join(dir, "munge", "key"),
    mungeSocket: join(dir, "munge", "sock"),
    state: join(dir, "state"),
    spool: join(dir, "spool"),
    /** Where commands run: every user may write here, and finds the output files of jobs. */
    work: join(dir, "work"),
    gpus: join(dir, "gpu"),
    /** Gleaner's own part, if a site is made around the cluster (scripts/site). */
    gleaner: join(dir, "gleaner"),
    logs,
    log: (daemon: string) => join(logs, `${daemon}.log`),
  };
}

/**
 * Creates the folder and its parts, and writes a new munge key. Other users can reach the socket
 * and the configuration, but read neither key nor state. GPUs need root. Throws a GleanerError if
 * the folder cannot hold a cluster.
 */
export function createFolder(dir: string, nodeNames: string[], gpusPerNode: number): ClusterFolder {
  mkdirSync(dir, { recursive: true });
  const folder = clusterFolder(realpathSync(resolve(dir)));
  requireUsable(folder.dir);
  try {
    writeFileSync(folder.marker, `${JSON.stringify(nodeNames)}\n`, { flag: "wx" });
  } catch (cause) {
    throw new GleanerError(
      "BAD_REQUEST",
      `${folder.dir} already holds a cluster: stop it, or choose another folder.`,
      { cause },
    );
  }
  chmodSync(folder.dir, 0o755);
  makeFolder(folder.munge, 0o711);
  makeFolder(folder.state, 0o700);
  makeFolder(folder.spool, 0o755);
  makeFolder(folder.logs, 0o755);
  makeFolder(folder.work, 0o1777);
  makeFolder(folder.gpus, 0o755);
  writeFileSync(folder.mungeKey, randomBytes(MUNGE_KEY_BYTES), { mode: 0o400 });
  for (let index = 0; index < gpusPerNode; index++) {
    // as good as a GPU for Slurm, which only checks that it is a device: its number is reserved for
    // local use and has no driver
    execFileSync("mknod", [join(folder.gpus, `gpu${index}`), "c", "240", String(index)]);
  }
  return folder;
}

/**
 * Removes what createFolder created and the daemons wrote, and the folder itself unless the caller
 * keeps files in it.
 */
export function removeFolder(folder: ClusterFolder): void {
  removeTemporary(folder);
  const { munge, state, spool, logs, gpus, work, gleaner, marker } = folder;
  const { slurmConf, gresConf, cgroupConf } = folder;
  for (const path of [
    munge,
    state,
    spool,
    logs,
    gpus,
    work,
    gleaner,
    slurmConf,
    gresConf,
    cgroupConf,
    marker,
  ]) {
    rmSync(path, { recursive: true, force: true });
  }
  try {
    rmdirSync(folder.dir);
  } catch (thrown) {
    const code = errorCodeOf(thrown);
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw thrown;
  }
}

/** In which Gleaner's executors have their nodes' folders. */
export const runDirectoryOf = ({ gleaner }: ClusterFolder): string => join(gleaner, "run");

export const nodesOf = ({ marker }: ClusterFolder): NodeName[] =>
  (JSON.parse(readFileSync(marker, "utf8")) as string[]).map(nodeName);

/** What killed executors left for temporary files: on these nodes comes no other to remove it. */
function removeTemporary(folder: ClusterFolder): void {
  const runDirectory = runDirectoryOf(folder);
  const prefixes = nodesOf(folder).map((node) => prefixOf({ runDirectory, node }));
  for (const name of readdirSync(temporaryDirectory))
    if (prefixes.some((prefix) => name.startsWith(prefix)))
      rmSync(join(temporaryDirectory, name), { recursive: true, force: true });
}

/** The folder of a cluster that was started before. Throws a GleanerError if it holds none. */
export function openFolder(dir: string): ClusterFolder {
  const folder = clusterFolder(existsSync(dir) ? realpathSync(dir) : resolve(dir));
  if (!existsSync(folder.marker)) {
    throw new GleanerError(
      "NOT_FOUND",
      `${folder.dir} holds no cluster: give the folder that start was given.`,
    );
  }
  return folder;
}

function makeFolder(path: string, mode: number): void {
  mkdirSync(path);
  chmodSync(path, mode); // the umask restricts mkdir's own mode
}

function requireUsable(dir: string): void {
  if (dir.length > MAX_DIR_LENGTH || !/^[\w./-]+$/.test(dir)) {
    throw new GleanerError(
      "BAD_REQUEST",
      `The folder ${dir} cannot hold a cluster: choose a path of at most ${MAX_DIR_LENGTH} letters, digits, dots and dashes.`,
    );
  }
  for (let parent = dirname(dir); parent !== "/"; parent = dirname(parent)) {
    if ((statSync(parent).mode & 0o001) === 0) {
      throw new GleanerError(
        "BAD_REQUEST",
        `Other users cannot reach ${dir}, because ${parent} is closed to them: choose another folder, or open that one.`,
      );
    }
  }
}
