// What a call has printed, in parts and while it runs.

import { expect, test } from "@jest/globals";
import type { CallRoutes } from "../../../../../src/daemon/api/calls/accepting.js";
import { partAfter, readLog } from "../../../../../src/daemon/api/calls/logs.js";
import { executorId, invocationId } from "../../../../../src/model/ids.js";
import { AskedLogs } from "../../../../../src/wire/flow/asked-logs.js";
import { invocation } from "../../../../support/nouns.js";

test.each<[string, number, string, number]>([
  ["abcdef", 0, "abcdef", 6],
  ["abcdef", 4, "ef", 6],
  ["abcdef", 6, "", 6],
  ["[the first 10 bytes were dropped]\nabcdef", 12, "cdef", 16],
  ["[the first 10 bytes were dropped]\nabcdef", 9, "[the first 10 bytes were dropped]\nabcdef", 16],
])("of %j after %i bytes is %j", (log, after, text, next) => {
  expect(partAfter(Buffer.from(log), after)).toEqual({ text, next });
});

test("the node of a running call is asked once for all who look at the same time", async () => {
  const askedLogs = new AskedLogs();
  const sent: unknown[] = [];
  const key = { invocation: invocationId(1), attempt: 2 };
  const line = { send: (message: unknown) => sent.push(message) };
  const running = invocation({ state: "RUNNING", attempt: 2 });
  const deps = {
    store: { listInvocations: async () => [running], callLogOf: async () => null },
    live: { assignments: { get: () => ({ ...key, executor: executorId("n1.0") }) } },
    registry: { get: () => ({ askedLogs, line }) },
  } as unknown as CallRoutes;
  const caller = { ...running.owner, operator: false };
  const looks = [readLog(deps, caller, "1", 0), readLog(deps, caller, "1", 4)];
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toEqual([{ type: "fetchLog", key }]);
  askedLogs.arrived(key, Buffer.from("step 1\n"));
  askedLogs.arrived(key, Buffer.from("nobody asked"));
  const more = { next: 7, attempt: 2, isOver: false };
  expect(await Promise.all(looks)).toEqual([
    { text: "step 1\n", ...more },
    { text: " 1\n", ...more },
  ]);
});

test("the log of a map is that of none of its calls", async () => {
  const task = invocation({ arrayJobId: invocationId(1), arrayTaskId: 0 });
  const store = { listInvocations: async () => [task], tasksOf: async () => 2 };
  const read = (id: string) =>
    readLog({ store } as unknown as CallRoutes, { ...task.owner, operator: false }, id, 0);
  await expect(read("1")).rejects.toThrow("1 is a map: name one of its calls, such as 1_0");
});
