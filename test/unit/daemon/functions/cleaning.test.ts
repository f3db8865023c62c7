// Rounds of cleaning: versions first, then the contents that only they needed, then lost files.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Cleaning } from "../../../../src/daemon/functions/cleaning.js";

let done: string[];
let logged: { msg: string; cause?: string }[];
beforeEach(() => {
  [done, logged] = [[], []];
});

/** Each step has something to do so often. */
function cleaning(steps: Record<string, number | Error>): Cleaning {
  const left = { ...steps };
  const step = (name: string) => async () => {
    const times = left[name] ?? 0;
    if (times instanceof Error) throw times;
    done.push(name);
    left[name] = Math.max(0, times - 1);
    return times > 0 ? 5 : 0;
  };
  const blobs = { removeUnused: step("contents"), removeUnrecorded: step("files") };
  const log = pino({}, { write: (line) => void logged.push(JSON.parse(line)) });
  return new Cleaning(blobs, { pruneFunctions: step("versions") }, () => [], 1_000, log);
}

test("a round repeats each step until nothing is left, and sweeps files once", async () => {
  const rounds = cleaning({ versions: 1, contents: 2, files: 1 });
  await rounds.run();
  expect(done).toEqual(["versions", "versions", "contents", "contents", "contents", "files"]);
  expect(logged).toMatchObject([{ versions: 5, contents: 10, files: 5 }]);
  done = [];
  await rounds.run();
  expect(done).toEqual(["versions", "contents"]);
  expect(logged).toHaveLength(1);
});

test("an error is logged, and the next round tries again", async () => {
  await cleaning({ contents: new Error("disk I/O error") }).run();
  expect(logged).toMatchObject([{ cause: "disk I/O error" }]);
  expect(logged[0]!.msg).toMatch(/^cannot remove/);
});

test("a round that is stopped ends after its step", async () => {
  const rounds = cleaning({ versions: 1 });
  await rounds.stop();
  await rounds.run();
  expect(done).toEqual([]);
});
