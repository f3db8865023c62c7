// How much of the disk unpacked bundles take, each measured once: they never change.

import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../model/errors.js";

/** As stat(2) counts them, whatever the file system's blocks are. */
const blockBytes = 512;
/** An empty file takes none, but an inode, of which a file system has about one for 16 KiB. */
const leastBytes = 4_096;

interface Measured {
  /** Another executor of this node may have replaced the folder. */
  readonly made: string;
  readonly bytes: number;
}

export class UnpackedSizes {
  private measured: ReadonlyMap<string, Measured> = new Map();

  constructor(private readonly root: string) {}

  /** In bytes, by name; 0 for one that is gone. */
  async of(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const measured = new Map<string, Measured>();
    for (const name of names) measured.set(name, await this.measure(name));
    this.measured = measured;
    return new Map([...measured].map(([name, { bytes }]) => [name, bytes]));
  }

  private async measure(name: string): Promise<Measured> {
    const folder = join(this.root, name);
    const found = await look(folder);
    if (found === null) return { made: "", bytes: 0 };
    const made = `${found.ino} ${found.birthtimeMs}`;
    const known = this.measured.get(name);
    return known?.made === made ? known : { made, bytes: await bytesIn(folder, found) };
  }
}

async function bytesIn(path: string, found: Stats): Promise<number> {
  let bytes = Math.max(leastBytes, found.blocks * blockBytes);
  if (!found.isDirectory()) return bytes;
  for (const name of await readdir(path).catch(orGone([]))) {
    const inside = join(path, name);
    const about = await look(inside);
    if (about !== null) bytes += await bytesIn(inside, about);
  }
  return bytes;
}

const look = (path: string): Promise<Stats | null> => lstat(path).catch(orGone(null));

/** Another executor may remove it meanwhile. */
const orGone =
  <Nothing>(nothing: Nothing) =>
  (thrown: unknown): Nothing => {
    if (errorCodeOf(thrown) === "ENOENT") return nothing;
    throw thrown;
  };
