// The programs of the runtimes: copied from beside the executor to where every user may read them.

import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errorCodeOf } from "../../model/errors.js";
import type { WorkerSettings } from "../../wire/calls.js";
import { attachProgram, programPrefix, workerCommand } from "../../workers/runtime-command.js";
import { makePublicFolder, problemOf, publish } from "./public-folder.js";

export class RuntimePrograms {
  private installed: string | null = null;

  /** `source`: the folder of the executor, which users may not be able to enter. */
  constructor(
    private readonly cache: string,
    private readonly source = dirname(process.argv[1] ?? "/"),
  ) {}

  /**
   * The words of the command that becomes a worker of the code in a folder; throws if the programs
   * cannot be copied.
   */
  commandOf(settings: WorkerSettings, code: string): readonly string[] {
    return workerCommand(this.folder, code, settings);
  }

  /** The words of the command that becomes a parent of workers, for a runtime that can fork. */
  parentCommandOf(settings: WorkerSettings, code: string): readonly string[] {
    return [...this.commandOf(settings, code), "--parent"];
  }

  /** Carries the streams of an attached command. */
  get attach(): string {
    return join(this.folder, attachProgram);
  }

  private get folder(): string {
    // Somebody may have emptied the cache.
    if (this.installed === null || !existsSync(this.installed)) this.installed = this.install();
    return this.installed;
  }

  /** Executors of other releases and clusters on this node have folders of their own. */
  private install(): string {
    const names = readdirSync(this.source).filter((name) => name.startsWith(programPrefix));
    const folder = join(this.cache, `runtimes-${digestOf(this.source, names)}`);
    makePublicFolder(this.cache);
    if (existsSync(folder)) return makePublicFolder(folder);
    const fresh = `${folder}.${process.pid}`;
    try {
      rmSync(fresh, { recursive: true, force: true });
      mkdirSync(fresh);
      for (const name of names)
        cpSync(join(this.source, name), join(fresh, name), { recursive: true });
      publish(fresh);
      renameSync(fresh, folder);
    } catch (thrown) {
      rmSync(fresh, { recursive: true, force: true });
      // Otherwise another executor of this node was quicker.
      if (!existsSync(folder)) throw problemOf(this.cache, thrown);
    }
    return folder;
  }
}

function digestOf(source: string, names: readonly string[]): string {
  const hash = createHash("sha256");
  for (const name of names.toSorted())
    for (const file of filesOf(source, name))
      hash.update(`${file}\0`).update(readFileSync(join(source, file)));
  return hash.digest("hex").slice(0, 16);
}

/** A program is a file, or a folder of files. */
function filesOf(source: string, name: string): string[] {
  try {
    return readdirSync(join(source, name), { recursive: true, encoding: "utf8" })
      .map((file) => join(name, file))
      .filter((file) => statSync(join(source, file)).isFile())
      .toSorted();
  } catch (thrown) {
    if (errorCodeOf(thrown) === "ENOTDIR") return [name];
    throw thrown;
  }
}
