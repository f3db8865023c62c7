// Files without a name, which are gone with this process, in a folder for its user alone.

import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { makePublicFolder } from "../public-folder.js";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** Opens them in the node's cache, whose folders it creates if they are missing. */
export function unnamedFilesIn(cache: string): () => Promise<FileHandle> {
  let lastNumber = 0;
  return async () => {
    makePublicFolder(cache);
    const folder = makePublicFolder(join(cache, "results"), 0o700);
    const path = join(folder, `${process.pid}.${++lastNumber}`);
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await unlink(path);
    return file;
  };
}
