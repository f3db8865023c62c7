// scontrol update: which fields change, how they are read, and what is refused with which sentence.

import { expect, test } from "@jest/globals";
import { updateAll } from "../../../../src/cli/slurm/updating.js";
import type { GleanerClient, UpdateRequest } from "../../../../src/sdk/index.js";

/** What gleanerd is asked for by these words; all that is there has a time limit of ten minutes. */
async function asked(ids: string, ...words: string[]): Promise<UpdateRequest[]> {
  const requests: UpdateRequest[] = [];
  const client = {
    update: async (request: UpdateRequest) => {
      requests.push(request);
      return { problems: [] };
    },
    detail: async () => ({ invocation: { timeLimitMs: 600_000 } }),
  };
  await updateAll(client as unknown as GleanerClient, ids, words);
  return requests;
}

test.each([
  ["TimeLimit=5", { timeLimitMs: 300_000 }],
  ["timelimit=1-00:00:00", { timeLimitMs: 86_400_000 }],
  ["TimeLimit=UNLIMITED", { timeLimitMs: 2_147_483_647 }],
  ["TimeLimit=+1", { timeLimitMs: 660_000 }],
  ["TimeLimit-=2:30", { timeLimitMs: 450_000 }],
  ["Time=5", { timeLimitMs: 300_000 }],
  ["JobName=a b", { name: "a b" }],
  ["Name=x", { name: "x" }],
  ["Comment=", { comment: "" }],
  ["Comment=a=b", { comment: "a=b" }],
  ["StartTime=now", { beginAtMs: null }],
  ["Dependency=", { dependency: null }],
  ["Depend=afterok:7", { dependency: { any: false, on: [{ kind: "afterok", of: "7" }] } }],
  ["ArrayTaskThrottle=3", { mostRunning: 3 }],
  ["ArrayTaskThrottle=0", { mostRunning: null }],
])("%s is read", async (word, change) =>
  expect(await asked("42,43", word)).toEqual(
    /[+-]/.test(word.slice(0, 11)) && word.startsWith("TimeLimit")
      ? ["42", "43"].map((id) => ({ ids: [id], ...change }))
      : [{ ids: ["42", "43"], ...change }],
  ),
);

test("several fields change together", async () =>
  expect(await asked("42", "Name=x", "TimeLimit=1")).toEqual([
    { ids: ["42"], name: "x", timeLimitMs: 60_000 },
  ]));

test.each([
  ["Nice=100", /Nice cannot change: Gleaner orders .*: hold/],
  ["Priority=1", /hold what is to start later, and release it/],
  ["NumCPUs=4", /NumCPUs cannot change: it stays as it was submitted: cancel it/],
  ["Partition=long", /stays as it was submitted/],
  ["Foo=3", /there is no field "Foo": expected TimeLimit/],
  ["constructor=3", /there is no field/],
  ["TimeLimit", /expected FIELD=VALUE/],
  ["TimeLimit=soon", /invalid time "soon"/],
  ["TimeLimit-=1:00:00", /42: no time would be left/],
  ["Name+=x", /only TimeLimit takes \+= and -=/],
  ["JobName=", /expected a name/],
  ["StartTime=", /invalid time/],
  ["StartTime=now+999999999weeks", /StartTime: invalid time "now\+999999999weeks": expected/],
  ["ArrayTaskThrottle=few", /expected a number, 0 for no limit/],
])("%s is refused", (word, why) => expect(asked("42", word)).rejects.toThrow(why));

test("without a change nothing is asked for", () =>
  expect(asked("42")).rejects.toThrow(/no changes are given/));
