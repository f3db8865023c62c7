// How the benchmarks count invocations in gleanerd's database.

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { readGleaner } from "../../../../scripts/benchmarks/coverage/records.js";
import { recordedTasks } from "../../../../scripts/benchmarks/lib/recorded-tasks.js";
import { invocationId } from "../../../../src/model/ids.js";
import { sampleAttempt, sampleRequest } from "../../../support/store/samples.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

let folder: StoreFolder;
beforeAll(async () => {
  folder = await makeStoreFolder();
});
afterAll(() => folder.remove());

test("every task of an array counts, whether it has a row of its own or shares one", async () => {
  const file = folder.newFile();
  const store = await folder.open(file);
  const request = sampleRequest("array");
  const arrayTasks = [{ from: 0, to: 99, step: 1 }];
  await store.submit({ ...request, submission: { ...request.submission, arrayTasks } });
  await store.beginAttempt(sampleAttempt(invocationId(50)));
  const { byState } = readGleaner(file, { fromMs: 0, toMs: 1 });
  expect(byState).toEqual({ PENDING: 99, RUNNING: 1 });
  const database = new Database(file, { readonly: true });
  const open = `SELECT sum(tasks) FROM ${recordedTasks} WHERE ended_at_ms IS NULL`;
  expect(database.prepare(open).pluck().get()).toBe(100);
  database.close();
});
