// What munge rejects: the reason says whose clock, key or configuration is wrong.

import { hostname } from "node:os";
import { expect, test } from "@jest/globals";
import { readUnmunge, readUnmungeError } from "../../../../src/wire/munge/unmunge.js";

/** As unmunge prints it for a credential that was made at `madeS`. */
const rejected = (status: string, madeS: number) =>
  readUnmunge(
    `STATUS:          ${status}
ENCODE_TIME:     2026-11-30 00:27:13 +0000 (${madeS})
DECODE_TIME:     2026-11-30 00:17:13 +0000 (1795997833)
TTL:             300

`,
  ).rejection;

test("a credential from a clock that is late says by how much", () => {
  expect(rejected("Expired credential (15)", 1_795_997_233)).toBe(
    `Expired credential (15): it was made 600 s ago by the clock of ${hostname()}, and is valid for 300 s: check the time (date) on ${hostname()} and on the machine that made it`,
  );
});

test("a credential from a clock that is early says by how much", () => {
  expect(rejected("Rewound credential (16)", 1_795_998_433)).toBe(
    `Rewound credential (16): it will be made in 600 s by the clock of ${hostname()}: check the time (date) on ${hostname()} and on the machine that made it`,
  );
});

test("a rejection without times is munge's own word", () => {
  expect(rejected("Replayed credential (17)", 1_795_997_833)).toBe("Replayed credential (17)");
  expect(readUnmunge("STATUS: Expired credential (15)\n\n").rejection).toBe(
    "Expired credential (15)",
  );
  expect(readUnmunge("").rejection).toBe("no status");
});

test("an accepted credential has its payload", () => {
  const { rejection, payload, fieldOf } = readUnmunge("STATUS: Success (0)\nTTL: 1\n\na\n\nb");
  expect([rejection, payload, fieldOf("TTL"), fieldOf("UID")]).toEqual([null, "a\n\nb", "1", ""]);
});

test.each([
  [14, "Invalid credential version 1", false, "have the same munge key"],
  [18, "Unauthorized credential for client UID=0 GID=0", false, "munge.daemonUser is the user"],
  [6, 'Failed to access "/run/sock": No such file', true, "munged is running on "],
  [null, "", true, "no output: check that munged is running on "],
  [9, "Failed to base64-decode credential", false, "Failed to base64-decode credential"],
])("exit status %s with %j says what to check", (exitCode, said, isUnreachable, what) => {
  const read = readUnmungeError(exitCode, `unmunge: Error: ${said}\n`);
  expect(read).toEqual({ isUnreachable, reason: expect.stringContaining(what) });
});
