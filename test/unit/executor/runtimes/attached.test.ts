// The request by which glean-spawn starts an attached command.

import { expect, test } from "@jest/globals";
import { attachStart } from "../../../../src/executor/runtimes/attached.js";
import { decodeFields } from "../../../../src/wire/worker/fields.js";
import { attemptOrder } from "../../../support/executor/orders.js";

const key = Buffer.alloc(32, 0xab);
const client = {
  hosts: ["login1", "10.0.0.1"],
  port: 60_001,
  socket: "gleaner-run-1",
  bootId: "f",
};
const command = { kind: "attached" as const, argv: ["make", "-j4"], tasks: 2, client, key };
const notice = { signal: 10, leadMs: 5_000, mainOnly: false };

test("the key is on standard input alone, and the notice goes to the program first", () => {
  const order = attemptOrder({ command, notice });
  const { input, ...rest } = attachStart(order, command, "/cache/glean-runtime-attach");
  expect(decodeFields(input)).toEqual({
    attempt: `${order.invocation}.${order.attempt}`,
    key: "ab".repeat(32),
    tasks: "2",
    hosts: "login1,10.0.0.1",
    port: "60001",
    socket: "gleaner-run-1",
    bootId: "f",
    notice: "10",
    noticeMain: "0",
  });
  expect(rest).toEqual({
    command: { kind: "argv", argv: ["/cache/glean-runtime-attach", "make", "-j4"] },
    notice: { ...notice, mainOnly: true },
    stdoutPath: "/dev/null",
    stderrPath: "/dev/null",
  });
});
