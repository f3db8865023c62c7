// Lets users read the code of functions: each folder only those whose calls run here.

import { chmodSync, statSync } from "node:fs";
import { GleanerError } from "../../model/errors.js";
import type { Admitting } from "./spawner.js";

/** The status of glean-spawn where no user can be admitted by an access control list. */
const impossible = 3;

interface Admitted {
  /** Another executor of this node may have replaced the folder. */
  readonly made: string;
  readonly users: Map<number, Promise<void>>;
}

export class CodeReaders {
  private readonly folders = new Map<string, Admitted>();
  private hasExplained = false;

  constructor(
    private readonly spawner: Admitting,
    private readonly explain: (why: string) => void,
  ) {}

  /** Resolves with the folder once the user may read it; rejects with LAUNCH. */
  async admit(folder: string, uid: number): Promise<string> {
    if (uid === process.geteuid!() || uid === 0) return folder;
    const { users } = this.usersOf(folder);
    const known = users.get(uid);
    const admitted = known ?? this.change(folder, uid);
    if (known === undefined) {
      users.set(uid, admitted);
      admitted.catch(() => users.delete(uid));
    }
    await admitted;
    return folder;
  }

  private usersOf(folder: string): Admitted {
    const { ino, birthtimeMs } = statSync(folder);
    const made = `${ino} ${birthtimeMs}`;
    const known = this.folders.get(folder);
    if (known?.made === made) return known;
    const admitted = { made, users: new Map() };
    this.folders.set(folder, admitted);
    return admitted;
  }

  private async change(folder: string, uid: number): Promise<void> {
    const status = await this.spawner.admit(uid, folder);
    if (status === impossible) this.openToAll(folder);
    else if (status !== 0)
      throw new GleanerError(
        "LAUNCH",
        `uid ${uid} cannot be let into ${folder} (glean-spawn: ${status ?? "killed"}): check the node's disk`,
      );
  }

  private openToAll(folder: string): void {
    chmodSync(folder, 0o555);
    if (this.hasExplained) return;
    this.hasExplained = true;
    this.explain(
      `every user of this node may read ${folder}: its file system has no access control lists, or no room in one`,
    );
  }
}
