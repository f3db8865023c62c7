// What a call is told when its worker's process ended before it answered.

import { constants } from "node:os";
import { expect, test } from "@jest/globals";
import { answerOfExit, type Progress } from "../../../src/workers/answers.js";

const loading: Progress = {
  broken: null,
  hasRuntime: true,
  hasLoaded: false,
  hasSetup: false,
  image: null,
};
const killed = { exitCode: 0, signal: constants.signals.SIGKILL };

test.each([
  ["had exited by then", { exitCode: 3, signal: 0 }],
  ["was killed at once", killed],
])("a worker that says why it leaves is quoted, whether it %s", (_what, end) => {
  const message = "the handler called process.exit(3)";
  expect(answerOfExit(end, { ...loading, broken: { code: "LEFT", message } })).toEqual({
    kind: "notLoaded",
    error: { type: "ProcessExited", message, stack: null },
  });
});

test("a worker that leaves without a word is known by its status", () => {
  const answer = answerOfExit({ exitCode: 3, signal: 0 }, loading);
  expect(answer).toMatchObject({ error: { message: expect.stringContaining("status 3") } });
});

test("a worker that is killed by a signal of its own has no answer", () => {
  const crash = { exitCode: 0, signal: constants.signals.SIGSEGV };
  const broken = { code: "CLOSED", message: "the worker closed its connection" } as const;
  expect(answerOfExit(crash, { ...loading, broken })).toBeNull();
});
