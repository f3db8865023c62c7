// The threads that only read the database come after the daemon's own thread.

import { getPriority, setPriority } from "node:os";
import { afterEach, expect, test } from "@jest/globals";
import { readersNice, yieldToOtherThreads } from "../../../../src/store/sqlite/thread-priority.js";

/** Only root may raise its priority again. */
const asRoot = process.geteuid!() === 0 ? test : test.skip;
const usual = getPriority();
afterEach(() => setPriority(usual));

asRoot("a thread becomes nicer", () => {
  setPriority(0);
  yieldToOtherThreads();
  expect(getPriority()).toBe(readersNice);
});

asRoot("a thread that is nicer already stays so", () => {
  setPriority(readersNice + 5);
  yieldToOtherThreads();
  expect(getPriority()).toBe(readersNice + 5);
});
