// Acknowledged writes are there, once, whatever ends the process: kill -9, a file that cannot grow,
// a lost thread.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { invocationId, nodeName } from "../../../../src/model/ids.js";
import { failureOf } from "../../../../src/store/sqlite/group.js";
import { openStore } from "../../../../src/store/sqlite/open.js";
import { maxWaitingCalls } from "../../../../src/store/sqlite/worker-client.js";
import { sampleRequest, submitTo } from "../../../support/store/samples.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

let folder: StoreFolder;
beforeAll(async () => {
  folder = await makeStoreFolder({ child: "test/support/store/child.ts" });
});
afterAll(() => folder.remove());

interface Acknowledged {
  readonly submitted: Map<string, number>;
  readonly ended: Set<number>;
  readonly failed: string[];
}

/** Reads the child's lines until it is gone; `onLine` may kill it. */
async function follow(
  child: ChildProcess,
  acknowledged: Acknowledged,
  onLine: (count: number) => void,
): Promise<void> {
  const exited = once(child, "exit");
  let count = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [what, first, second] = line.split(" ");
    if (what === "submitted") acknowledged.submitted.set(first!, Number(second));
    else if (what === "ended") acknowledged.ended.add(Number(first));
    else acknowledged.failed.push(line);
    onLine(++count);
  }
  await exited;
}

async function expectAllKept(store: Store, acknowledged: Acknowledged): Promise<void> {
  const found = await store.listInvocations({ limit: 1_000_000 });
  const states = new Map(found.map(({ id, state }) => [Number(id), state]));
  for (const id of acknowledged.submitted.values()) expect(states.has(id)).toBe(true);
  for (const id of acknowledged.ended) expect(states.get(id)).toBe("COMPLETED");
  for (const [requestId, id] of acknowledged.submitted) {
    const [again, ...more] = await submitTo(store, sampleRequest(requestId));
    expect([again!.id, more.length]).toEqual([id, 0]);
  }
  expect(await store.listInvocations({ limit: 1_000_000 })).toHaveLength(found.length);
  expect(await store.verifyLedger()).toMatchObject({ balanced: true, differences: [] });
}

const acknowledgedNothing = (): Acknowledged => ({
  submitted: new Map(),
  ended: new Set(),
  failed: [],
});

test("kill -9 during writes loses nothing acknowledged and duplicates nothing", async () => {
  const file = folder.newFile();
  const acknowledged = acknowledgedNothing();
  for (const lines of [1, 137, 600]) {
    const args = [join(folder.folder, "child.cjs"), file, folder.workerFile, `run${lines}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await follow(child, acknowledged, (count) => {
      if (count === lines) child.kill("SIGKILL");
    });
    expect(child.signalCode).toBe("SIGKILL");
    const store = await folder.open(file);
    await expectAllKept(store, acknowledged);
    await store.close();
  }
  expect(acknowledged.failed).toEqual([]);
  expect(acknowledged.ended.size).toBeGreaterThan(100);
}, 60_000);

test("all calls of a group are refused without effect if its commit fails", async () => {
  const file = folder.newFile();
  const acknowledged = acknowledgedNothing();
  // No file may grow past 1 MB (node ignores SIGXFSZ): the write-ahead log hits it at a commit.
  const limited = ["-c", 'ulimit -f 2048; exec "$0" "$@"', process.execPath];
  const args = [...limited, join(folder.folder, "child.cjs"), file, folder.workerFile, "full"];
  const child = spawn("sh", args, { stdio: ["ignore", "pipe", "inherit"] });
  await follow(child, acknowledged, () => {});
  expect(child.exitCode).toBe(0);
  expect(acknowledged.failed).toHaveLength(5);
  expect(acknowledged.failed[0]).toContain(
    "could not be written: disk I/O error: check its file system",
  );
  const store = await folder.open(file);
  expect(await store.listInvocations({ limit: 1_000_000 })).toHaveLength(
    acknowledged.submitted.size,
  );
  await expectAllKept(store, acknowledged);
  expect(await store.verifyLedger()).toMatchObject({ postings: acknowledged.ended.size });
  await store.close();
}, 60_000);

test("a full disk says what to do", () => {
  const full = Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
  expect(failureOf(full, "gleaner.db could not be written").message).toBe(
    "gleaner.db could not be written: database or disk is full: free some space on its file system",
  );
});

describe("groups", () => {
  /**
   * A frame of the write-ahead log that ends a transaction contains the database's size; the others
   * contain 0.
   */
  function commitsIn(file: string): number {
    const log = readFileSync(`${file}-wal`);
    const frameBytes = 24 + log.readUInt32BE(8);
    let commits = 0;
    for (let at = 32; at < log.length; at += frameBytes)
      if (log.readUInt32BE(at + 4) > 0) commits++;
    return commits;
  }

  test("put all writes of one turn into one commit", async () => {
    const file = folder.newFile();
    const store = await folder.open(file);
    const before = commitsIn(file);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => submitTo(store, sampleRequest(`r${i}`))),
    );
    expect(commitsIn(file) - before).toBe(1);
    await store.close();
  });

  test("have a bounded queue", async () => {
    const store = await folder.open(folder.newFile());
    const calls = Array.from({ length: maxWaitingCalls + 1 }, () =>
      store.setDrained(nodeName("n1"), null, 1),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(maxWaitingCalls);
    await expect(calls.at(-1)).rejects.toMatchObject({ code: "LIMIT_REACHED" });
    await store.setDrained(nodeName("n1"), null, 1);
    await store.close();
  });

  test("are finished before a close", async () => {
    const file = folder.newFile();
    const store = await folder.open(file);
    const submitted = store.submit(sampleRequest("last"));
    await store.close();
    expect((await submitted).id).toBe(1);
    const again = await folder.open(file);
    expect(await again.listInvocations({ limit: 10 })).toHaveLength(1);
    await again.close();
  });
});

describe("a database thread", () => {
  const script = (name: string, text: string) => {
    const file = join(folder.folder, name);
    writeFileSync(file, text);
    return file;
  };

  test("that is not the store's worker is refused", async () => {
    const silent = script("silent.cjs", "");
    await expect(openStore(folder.newFile(), silent, "")).rejects.toMatchObject({
      code: "STORE",
      message: expect.stringContaining("does not start") as never,
    });
    const missing = join(folder.folder, "missing.cjs");
    await expect(openStore(folder.newFile(), missing, "")).rejects.toMatchObject({ code: "STORE" });
  });

  test("that is lost rejects all waiting and later calls", async () => {
    const dying = script(
      "dying.cjs",
      `const { parentPort } = require("node:worker_threads");
       parentPort.postMessage({ kind: "opened" });
       parentPort.once("message", () => process.exit(3));`,
    );
    const store = await openStore(folder.newFile(), dying, "");
    const gone = { code: "STORE", message: expect.stringContaining("is gone") as never };
    await expect(store.loadLive(0, 9)).rejects.toMatchObject(gone);
    await expect(store.listAttempts(invocationId(1))).rejects.toMatchObject(gone);
    await store.close();
  });
});
