// The code of functions on its way to nodes that may be hostile, slow, or gone.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { CodeSupply } from "../../../../src/daemon/functions/code-supply.js";
import type { Assignment } from "../../../../src/daemon/state/assignments.js";
import { ExecutorRecord, type Line } from "../../../../src/daemon/state/executor-record.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  nodeName,
  type VersionId,
  versionId,
} from "../../../../src/model/ids.js";
import { maxPartBytes } from "../../../../src/wire/call-checks.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";

const versions = Array.from({ length: 20 }, (_, n) => versionId(String(n).padStart(64, "0")));
const parts = 3;
const versionOf = (id: InvocationId): VersionId => versions[id - 1]!;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = new Promise<void>(() => {});

let supply: CodeSupply;
/** The pieces that were read for nodes, and the contents that are open. */
let read: number;
let open: number;
beforeEach(() => {
  [read, open] = [0, 0];
  const content = async function* () {
    for (let part = 0; part < parts; part++) {
      read++;
      yield new Uint8Array(maxPartBytes);
    }
  };
  const close = async () => void open--;
  const blobs = {
    open: async () => {
      open++;
      return { content: content(), bytes: parts * maxPartBytes, close };
    },
  };
  const live = { get: (id: InvocationId) => ({ digest: { version: versionOf(id) } }) };
  const log = pino({ enabled: false });
  supply = new CodeSupply({ live, blobs, log } as unknown as ConstructorParameters<
    typeof CodeSupply
  >[0]);
});

/** A node that has a call of each version. */
function node(name: string, line: Partial<Line> = {}) {
  const record = new ExecutorRecord(executorId(name), nodeName(name), name, 0);
  const sent: DaemonMessage[] = [];
  record.line = { send: (message) => sent.push(message) > 0, close: () => {}, ...line };
  const attempts = new Map(versions.map((_, n) => [invocationId(n + 1), {} as Assignment]));
  record.held = { attempts, holders: new Set() };
  return { record, sent };
}

test("a node that asks for everything and reads nothing holds up no other node", async () => {
  const { record: evil } = node("evil", { flushed: () => never });
  for (const version of [...versions, ...versions]) void supply.supply(evil, version);
  const { record, sent } = node("good");
  await supply.supply(record, versions[0]!);
  expect(sent.map((each) => each.type === "bundlePart" && each.isLast)).toEqual([
    ...Array(parts - 1).fill(false),
    true,
  ]);
});

test("what a node asks for again while it comes is sent once", async () => {
  const { record, sent } = node("n1");
  await Promise.all([1, 2, 3].map(() => supply.supply(record, versions[0]!)));
  expect(sent).toHaveLength(parts);
  await supply.supply(record, versions[0]!);
  expect(sent).toHaveLength(2 * parts);
});

test("what has been sent is sent again, although other pieces may still be on their way", async () => {
  let flushed = 0;
  const { record, sent } = node("n1", { flushed: () => (++flushed === parts ? never : turn()) });
  void supply.supply(record, versions[0]!);
  while (flushed < parts) await turn();
  await supply.supply(record, versions[0]!);
  expect(sent).toHaveLength(2 * parts);
});

test("no more is read for a node whose connection is closed", async () => {
  const { record } = node("n1", { send: () => false });
  await supply.supply(record, versions[0]!);
  expect({ read, open }).toEqual({ read: 2, open: 0 });
});
