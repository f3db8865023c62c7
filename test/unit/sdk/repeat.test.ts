// Waits of the client that a signal ends.

import { expect, test } from "@jest/globals";
import { unlessAborted } from "../../../src/sdk/repeat.js";

const reason = new Error("the user pressed Ctrl-C");

test("a signal ends the wait, whether it comes before it or in it", async () => {
  const never = new Promise<never>(() => {});
  await expect(unlessAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
  const control = new AbortController();
  const waiting = unlessAborted(never, control.signal);
  control.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test("what fails meanwhile is nobody's unhandled rejection", async () => {
  const failing = Promise.reject(new Error("too late"));
  await expect(unlessAborted(failing, AbortSignal.abort(reason))).rejects.toBe(reason);
});
