// Checkpoint folders as the daemon manages them: recorded first, limited in number, removed at the
// end by an executor that can see them.

import { beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { CheckpointRow, Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import {
  type CheckpointPolicy,
  Checkpoints,
} from "../../../../src/daemon/invocations/checkpoints.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
} from "../../../../src/model/ids.js";
import type { Submission } from "../../../../src/model/invocation.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";

const submission = made.submission({ workingDirectory: "/home/ann/", checkpoint: true });
const id = invocationId(1);
const { uid } = made.invocation().owner;

describe("checkpoint folders", () => {
  let events: Events;
  let live: LiveInvocations;
  let registry: Registry;
  let rows: Map<InvocationId, string>;
  let sent: { node: string; message: DaemonMessage }[];

  beforeEach(() => {
    ({ events, live, registry } = newState());
    rows = new Map();
    sent = [];
  });

  const make = (change: Partial<CheckpointPolicy> = {}, loaded: CheckpointRow[] = []) => {
    const store = {
      saveCheckpoint: async (of: InvocationId, path: string) => void rows.set(of, path),
      forgetCheckpoint: async (of: InvocationId) => void rows.delete(of),
      loadCheckpoints: async () => loaded,
    } as unknown as Store;
    const policy = { directory: null, maxFolders: 6, keepMs: 100_000, ...change };
    const log = pino({ level: "silent" });
    const nameOf = (of: InvocationId) => `.state-${of}`;
    return new Checkpoints({ store, live, registry, events, log, nameOf, policy });
  };
  const addExecutor = (node: string) => {
    const record = new ExecutorRecord(executorId(`x-${node}`), nodeName(node), "", 0);
    record.become("starting");
    record.become("ready");
    record.line = {
      send: (message) => {
        sent.push({ node, message });
        return true;
      },
      close: () => {},
    };
    registry.add(record);
    return record;
  };
  const begin = async (folders: Checkpoints, change: Partial<Submission> = {}) => {
    const each = live.add(
      { invocation: made.invocation(), digest: digestOf(1_000, { ...submission, ...change }) },
      null,
    );
    folders.submitted(each.id, 1);
    await folders.keep(each, nodeName("n1"));
    live.begin(each, executorId("x-n1"), { attempt: 1, startedAtMs: 1, node: nodeName("n1") });
    return each;
  };

  test("are on record before the attempt, in the working directory or the site's", async () => {
    await begin(make());
    expect(rows.get(id)).toBe("/home/ann/.state-1");
    const shared = make({ directory: "/scratch/states" });
    expect(shared.pathFor(live.get(id)!)).toBe("/scratch/states/.state-1");
  });

  test("of an invocation cancelled while its folder is being recorded are removed", async () => {
    const folders = make();
    addExecutor("n1");
    const each = live.add(
      { invocation: made.invocation(), digest: digestOf(1_000, submission) },
      null,
    );
    folders.submitted(each.id, 1);
    const kept = folders.keep(each, nodeName("n1"));
    live.finish(each, { state: "CANCELLED", endedAtMs: 5 });
    await kept;
    const order = { invocation: id, path: rows.get(id) };
    expect(sent).toMatchObject([{ node: "n1", message: { type: "removeCheckpoint", order } }]);
  });

  test("exist only for invocations that requested them", async () => {
    const folders = make();
    const each = await begin(folders, { checkpoint: false });
    expect(folders.pathFor(each)).toBeNull();
    expect(rows.size).toBe(0);
  });

  test("stay where they were created, although the configuration changed", async () => {
    const { owner } = made.invocation();
    const row = { invocation: id, owner, path: "/old/.state-1", node: null, endedAtMs: null };
    const folders = make({ directory: "/new" }, [row]);
    await folders.load();
    expect(folders.pathFor(await begin(folders))).toBe("/old/.state-1");
  });

  test("survive an eviction and are removed after the end, on the node that had them last", async () => {
    const folders = make();
    addExecutor("n1");
    addExecutor("n2");
    const each = await begin(folders);
    live.requeue(each, "evicted");
    expect(sent).toEqual([]);
    await folders.keep(each, nodeName("n2"));
    live.begin(each, executorId("x-n2"), { attempt: 2, startedAtMs: 1, node: nodeName("n2") });
    live.finish(each, { state: "COMPLETED", endedAtMs: 5 });
    const order = {
      invocation: id,
      uid: 1_000,
      gid: 1_000,
      user: "ann",
      path: "/home/ann/.state-1",
    };
    expect(sent).toEqual([{ node: "n2", message: { type: "removeCheckpoint", order } }]);
    folders.removed(executorId("x-n1"), id, null);
    expect(rows.size).toBe(1);
    folders.removed(executorId("x-n2"), id, null);
    expect(rows.size).toBe(0);
  });

  test("are removed in a further try if the executor could not or disconnected", async () => {
    const folders = make({ keepMs: Number.MAX_SAFE_INTEGER });
    const record = addExecutor("n1");
    const each = await begin(folders);
    live.finish(each, { state: "COMPLETED", endedAtMs: 1 });
    expect(sent).toHaveLength(1);
    folders.sweep();
    expect(sent).toHaveLength(1);
    record.become("gone");
    registry.remove(record);
    addExecutor("n2");
    folders.sweep();
    expect(sent.at(-1)).toMatchObject({ node: "n2", message: { type: "removeCheckpoint" } });
    expect(rows.size).toBe(1);
  });

  test("are left to their owner after some time", async () => {
    const folders = make();
    const each = await begin(folders);
    live.finish(each, { state: "CANCELLED", endedAtMs: 1 });
    folders.sweep();
    expect(rows.size).toBe(0);
  });

  test("of a live invocation cannot be removed by a false report", async () => {
    const folders = make();
    await begin(folders);
    folders.removed(executorId("x-n1"), id, null);
    folders.removed(executorId("x-n1"), invocationId(99), null);
    expect(rows.size).toBe(1);
  });

  test("are limited in number, including those still to be removed", async () => {
    const folders = make();
    addExecutor("n1");
    const each = await begin(folders);
    folders.admit(uid, 2);
    expect(() => folders.admit(uid, 3)).toThrow(
      /limit for one user is 3 at present \(checkpoints\.maxFolders is 6\)/,
    );
    live.finish(each, { state: "COMPLETED", endedAtMs: 5 });
    expect(() => folders.admit(uid, 3)).toThrow(/you have 1 checkpoint folder,/);
    // Of the five that are left another user may have two.
    folders.admit(uid + 1, 2);
    expect(() => folders.admit(uid + 1, 3)).toThrow(/limit for one user is 2/);
    folders.removed(executorId("x-n1"), id, null);
    const arrived = live.arriving.make(uid, { tasks: 1, entries: 1, documentBytes: 0, folders: 1 });
    expect(() => folders.admit(uid, 3)).toThrow(/you have 1 checkpoint folder,/);
    arrived();
    folders.admit(uid, 3);
  });
});
