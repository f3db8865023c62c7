// What a call is told when its worker's process ended before it answered.

import { constants } from "node:os";
import { expect, test } from "@jest/globals";
import { answerOfExit, type Progress } from "../../../src/workers/answers.js";

const loading: Progress = {
  broken: null,
  hasRuntime: true,
  hasLoaded: false,
  hasSetup: false,
  python: null,
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

test.each([
  ["exits for that", { exitCode: 1, signal: 0 }],
  ["is killed for that", killed],
])("a worker that broke the protocol and %s is told what it did", (_what, end) => {
  const message = "the worker answered a call twice";
  const broken = { code: "ANSWERED_TWICE", message } as const;
  expect(answerOfExit(end, { ...loading, hasLoaded: true, broken })).toMatchObject({
    kind: "exception",
    error: { type: "ProtocolError", message },
  });
});

test("a worker that leaves without a word is known by its status", () => {
  const answer = answerOfExit({ exitCode: 3, signal: 0 }, loading);
  expect(answer).toMatchObject({ error: { message: expect.stringContaining("status 3") } });
});

test("a worker that somebody killed while it loaded says nothing about its code", () => {
  const broken = { code: "CLOSED", message: "the worker closed its connection" } as const;
  expect(answerOfExit(killed, { ...loading, broken })).toMatchObject({
    kind: "exception",
    error: { type: "ProcessKilled" },
  });
});

test("a worker that is killed by a signal of its own has no answer", () => {
  const crash = { exitCode: 0, signal: constants.signals.SIGSEGV };
  const broken = { code: "CLOSED", message: "the worker closed its connection" } as const;
  expect(answerOfExit(crash, { ...loading, broken })).toBeNull();
});

test.each([
  [{}, 3, "the runtime's program ended with status 3"],
  [{ python: "/opt/bin/python" }, 3, "the interpreter /opt/bin/python ended with status 3"],
  [{ hasSetup: true, python: "/opt/bin/python" }, 1, "the setup ended with status 1"],
  [{ hasSetup: true }, 0, "a setup must not call exit or exec"],
  [{ hasSetup: true, image: "/i" }, 1, "the setup or its start in the image /i"],
])("a worker of %j that ends before its runtime is told by what ended", (more, exitCode, words) => {
  const end = answerOfExit({ exitCode, signal: 0 }, { ...loading, hasRuntime: false, ...more });
  expect(end).toMatchObject({ error: { message: expect.stringContaining(words) } });
});
