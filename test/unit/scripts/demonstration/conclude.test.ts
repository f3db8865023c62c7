// The end of the demo: a site that is to be kept stays, whatever happened before.

import { expect, test } from "@jest/globals";
import { conclude } from "../../../../scripts/demonstration/conclude.js";

async function ended(harvest: () => Promise<string[]>, isKept: boolean) {
  const done: string[] = [];
  const note = (what: string) => async () => void done.push(what);
  const broken = await conclude(harvest, {
    keep: isKept ? note("kept") : null,
    stop: note("stopped"),
  });
  return { done, broken };
}
const late = () => Promise.reject(new Error("functions did not end within 90000 ms"));

test("a demo that does not finish in time keeps its site with --keep, and says why", async () => {
  const broken = ["functions did not end within 90000 ms"];
  expect(await ended(late, true)).toEqual({ done: ["kept"], broken });
  expect(await ended(late, false)).toEqual({ done: ["stopped"], broken });
});

test("a demo that finishes reports what it found", async () => {
  expect(await ended(async () => [], true)).toEqual({ done: ["kept"], broken: [] });
  expect(await ended(async () => ["late"], false)).toEqual({ done: ["stopped"], broken: ["late"] });
});
