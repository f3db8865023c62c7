// Files without a name, which are gone with this process.

import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** `openFolder` creates their folder if it is missing, for this process's user alone. */
export function unnamedFilesIn(openFolder: () => string): () => Promise<FileHandle> {
  let lastNumber = 0;
  return async () => {
    const path = join(openFolder(), `${process.pid}.${++lastNumber}`);
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await unlink(path);
    return file;
  };
}
