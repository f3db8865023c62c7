// The end of an attempt whose glean-spawn is gone: its own if that was reported, else none.

import { expect, test } from "@jest/globals";
import type { ProcessEnd } from "../../../../src/executor/runtimes/runtime.js";
import { SpawnReport } from "../../../../src/executor/runtimes/spawn-report.js";

/** A process that certainly is not on this machine. */
const started = `started ${2 ** 30} 0 1000`;
const endedBy = (exitCode: number, signal: number, oomKills = 0) =>
  `ended ${exitCode} ${signal} 2000 0 0 0 ${oomKills} 0 0`;

/** What is told when the lines come after the server is gone. */
function endAfter(...lines: string[]): ProcessEnd {
  const ends: ProcessEnd[] = [];
  const report = new SpawnReport(null, { onStarted: () => {}, onEnd: (end) => ends.push(end) });
  report.take(started);
  report.abandon();
  for (const line of lines) report.take(line);
  report.vanish("SIGKILL");
  return ends[0]!;
}

test("a process that was killed because its server is gone has no end of its own", () => {
  expect(endAfter(endedBy(0, 9))).toMatchObject({ kind: "vanished" });
  expect(endAfter()).toMatchObject({ kind: "vanished" });
});

test.each([
  ["exit", endedBy(3, 0)],
  ["signal", endedBy(0, 11)],
  ["want of memory", endedBy(0, 9, 1)],
])("an end by its own %s counts, although it is read late", (_, line) =>
  expect(endAfter(line)).toMatchObject({ kind: "ended" }),
);

test("a failure names files as they are called, and controls no terminal", () => {
  const path = `/home/müller/${Buffer.from([0xc2, 0x9b]).toString()}31m`;
  const line = Buffer.from(`failed chdir 2 ${path} cannot be the working directory`);
  // As it is cut if it is too long.
  const cut = Buffer.concat([line, Buffer.from(" é").subarray(0, 2)]);
  expect(endAfter(cut.toString("latin1"))).toMatchObject({
    kind: "failed",
    message: "/home/müller/?31m cannot be the working directory \ufffd",
  });
});
