// The store of the simulated daemon: the real operations on SQLite in memory, in groups, and a disk
// that is slow, full or gone.

import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import type { Store } from "../../../src/core/ports/store.js";
import { GleanerError } from "../../../src/model/errors.js";
import { type Caller, createStore, type Thread } from "../../../src/store/sqlite/create-store.js";
import { groupRunner } from "../../../src/store/sqlite/group.js";
import { LedgerSeal } from "../../../src/store/sqlite/ledger/seal.js";
import { migrate } from "../../../src/store/sqlite/migrate.js";
import {
  readOperations,
  writeOperations,
} from "../../../src/store/sqlite/operations/operations.js";
import type { Process } from "../timeline.js";
import type { World } from "./world.js";

const migrations = fileURLToPath(new URL("../../../src/store/sqlite/migrations", import.meta.url));
const seal = new LedgerSeal("5eed".repeat(16));
let emptyDatabase: Buffer | null = null;

/** An empty database in memory: the migrations run once, then it is copied. */
function openDatabase(): Database.Database {
  if (emptyDatabase === null) {
    const first = new Database(":memory:");
    migrate(first, migrations);
    emptyDatabase = first.serialize();
    first.close();
  }
  const database = new Database(emptyDatabase);
  database.pragma("foreign_keys = ON");
  database.pragma("trusted_schema = OFF");
  database.pragma("synchronous = OFF");
  return database;
}

/** What a user asked for may be refused; names of the checkpoints of one time collide. */
const isBroken = ({ code, detail }: { code: string; detail: string }): boolean =>
  code === "STORE" && !detail.includes("UNIQUE constraint");

interface Waiting {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: GleanerError) => void;
}

export class Disk {
  private readonly database = openDatabase();
  readonly reads = readOperations(this.database, seal);
  private readonly writes = writeOperations(this.database, seal);
  private readonly runGroup = groupRunner(
    this.database,
    { ...this.writes.operations, ...this.reads },
    this.writes.kept,
  );

  constructor(private readonly world: World) {}

  /**
   * The store as one daemon sees it: what it wrote is there for the next one, what it had not sent
   * is not.
   */
  storeOf(process: Process): Store {
    const callers = {
      write: this.lane(process, "write"),
      read: this.lane(process, "read"),
      report: this.lane(process, "report"),
    };
    const store = createStore(callers, async () => {});
    return this.world.sabotage.store?.(store, this.world) ?? store;
  }

  /** Calls of one turn, and those that come while a group is on its way, go together. */
  private lane(process: Process, thread: Thread): Caller {
    const { world } = this;
    let waiting: Waiting[] = [];
    let isBusy = false;
    const send = () => {
      isBusy = waiting.length > 0;
      if (!isBusy) return;
      const group = waiting;
      waiting = [];
      const { chance, weather } = world;
      world.after(chance.ms(0.1, 2) * weather.diskSlowness, () => {
        if (!process.isAlive) return;
        const reply = this.run(process, thread, group);
        world.within(process, chance.ms(0.02, 0.3), () => {
          reply();
          send();
        });
      });
    };
    const call: Caller["call"] = (name, args) =>
      new Promise((resolve, reject) => {
        waiting.push({ name, args, resolve, reject });
        if (isBusy) return;
        isBusy = true;
        world.within(process, 0, send);
      });
    return { call };
  }

  /** Commits a group, and returns how to answer it. */
  private run(process: Process, thread: Thread, group: readonly Waiting[]): () => void {
    const { world } = this;
    const refuse = (what: string) => () => {
      for (const { reject } of group) reject(new GleanerError("STORE", what));
    };
    if (thread === "write" && world.weather.diskIsFull) return refuse("the disk is full");
    let answer = () => {};
    process.act(() => {
      const outcomes = this.runGroup(group);
      outcomes.forEach((outcome, at) => {
        const { name, args } = group[at]!;
        if (outcome.kind === "done") world.books.committed(name, args, outcome.value);
        else if (isBroken(outcome.failure))
          world.complain(`the store refused ${name}: ${outcome.failure.detail}`);
      });
      if (group.some(({ name }) => name === "pruneFunctions"))
        world.books.calls.pruned(this.versions);
      answer = () =>
        outcomes.forEach((outcome, at) => {
          const { resolve, reject } = group[at]!;
          if (outcome.kind === "done") resolve(outcome.value);
          else reject(new GleanerError(outcome.failure.code, outcome.failure.message));
        });
    });
    return answer;
  }

  /** Of all functions, also removed ones. */
  private get versions(): ReadonlySet<string> {
    const rows = this.rows<{ version: string }>("SELECT version FROM function_version");
    return new Set(rows.map(({ version }) => version));
  }

  hasBlob(sha256: string): boolean {
    return this.rows("SELECT 1 FROM blob WHERE sha256 = ?", sha256).length > 0;
  }

  /** For a checker, which must not rely on the store's own questions. */
  rows<Row>(sql: string, ...bound: readonly unknown[]): readonly Row[] {
    return this.database.prepare<unknown[], Row>(sql).all(...bound);
  }

  close(): void {
    this.database.close();
  }
}
