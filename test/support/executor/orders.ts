// An order of an attempt as a daemon sends it, for tests of what an executor makes of it.

import { invocationId } from "../../../src/model/ids.js";
import type { AttemptOrder } from "../../../src/wire/messages.js";

/** Of any Debian machine: a user that owns nothing. */
export const nobody = 65_534;

/**
 * One core of an unprivileged user for a command that ends at once, unless `change` says otherwise.
 */
export const attemptOrder = (change: Partial<AttemptOrder> = {}): AttemptOrder => ({
  invocation: invocationId(1),
  attempt: 1,
  uid: nobody,
  gid: nobody,
  user: "nobody",
  cores: 1,
  memoryMb: 100,
  gpus: 0,
  timeLimitMs: 600_000,
  workingDirectory: "/",
  stdoutPath: "/dev/null",
  stderrPath: "/dev/null",
  environment: {},
  command: { kind: "argv", argv: ["true"] },
  notice: null,
  checkpointDirectory: null,
  ...change,
});
