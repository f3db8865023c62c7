// Ids of invocations: above Slurm's highest job id, in new databases and in those of 0.2.0, and
// never beyond what Slurm's commands can tell apart.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { NewInvocations } from "../../../../src/core/ports/store.js";
import { maxInvocationId, maxSlurmJobId } from "../../../../src/model/ids.js";
import { type Connection, openForWriting } from "../../../../src/store/sqlite/database.js";
import { migrate } from "../../../../src/store/sqlite/migrate.js";
import { invocationWrites } from "../../../../src/store/sqlite/operations/invocations.js";
import { sampleRequest } from "../../../support/store/samples.js";

const shipped = "src/store/sqlite/migrations";
let folder: string;
let earlier: string;
let database: Connection;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-ids-"));
  earlier = join(folder, "earlier");
  mkdirSync(earlier);
  for (const name of readdirSync(shipped).filter((each) => each < "0006"))
    cpSync(join(shipped, name), join(earlier, name));
  database = openForWriting(join(folder, "gleaner.db"));
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const setNext = (id: number) =>
  database.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'invocation'").run(id - 1);
const record = (request: NewInvocations) =>
  database.transaction(() => invocationWrites(database).submit(request))();
const submit = (requestId: string, tasks: readonly number[] | null = null) =>
  record(sampleRequest(requestId, { tasks }));

test("the first id of a new database is above every job id of Slurm", () => {
  migrate(database, shipped);
  expect(submit("first")).toMatchObject({ id: 67_108_864 });
  expect(maxSlurmJobId).toBe(67_108_863);
});

test("a database of an earlier version continues above them, and keeps what it has", () => {
  migrate(database, earlier);
  expect(submit("old")).toMatchObject({ id: 1 });
  migrate(database, shipped);
  expect(submit("old")).toMatchObject({ id: 1, isNew: false });
  expect(submit("new", [0, 1, 2])).toMatchObject({ id: 67_108_864 });
  expect(submit("next")).toMatchObject({ id: 67_108_867 });
});

test("a database that is beyond them already continues where it is", () => {
  migrate(database, earlier);
  submit("old");
  setNext(100_000_000);
  migrate(database, shipped);
  expect(submit("new")).toMatchObject({ id: 100_000_000 });
});

test("an array of a million tasks reserves its ids, and the last id is never passed", () => {
  migrate(database, shipped);
  const million = sampleRequest("million");
  const arrayTasks = [{ from: 0, to: 999_999, step: 1 }];
  record({ ...million, submission: { ...million.submission, arrayTasks } });
  expect(submit("next")).toMatchObject({ id: 67_108_864 + 1_000_000 });
  setNext(maxInvocationId - 1);
  expect(() => submit("three", [1, 2, 3])).toThrow("no ids are left");
  expect(submit("two", [1, 2])).toMatchObject({ id: maxInvocationId - 1 });
  expect(() => submit("none")).toThrow("no ids are left");
});
