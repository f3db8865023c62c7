// The doctor's check of the names in the section access.

import { expect, test } from "@jest/globals";
import { parseConfig } from "../../../../src/config.js";
import { checkNames } from "../../../../src/daemon/auth/users-check.js";

const directories = {
  byName: async (name: string) => (name === "ada" ? { name, uid: 1_000, shell: "/bin/sh" } : null),
  groupNamed: async (name: string) => (name.toLowerCase() === "hep" ? "hep" : null),
  hasSlurmAccount: async (name: string) => name === "physics",
};
const check = (access: object, known = directories) =>
  checkNames(known, parseConfig({ access }, "the test").access);

test("says nothing if access names nobody but uids", async () => {
  expect(await check({ operators: ["1234"] })).toEqual([]);
});

test("is content if all exist", async () => {
  const lists = { users: ["ada"], groups: ["hep"], accounts: ["physics"] };
  expect(await check({ allow: lists, serviceUsers: ["ada"] })).toEqual([
    { name: "names in access", status: "ok", detail: "all of them exist" },
  ]);
});

test.each([
  [{ deny: { users: ["eda"] } }, "access.deny.users names eda, which is no user here"],
  [{ allow: { groups: ["HEP"] } }, "access.allow.groups names HEP, which is no Unix group here"],
  [
    { allow: { accounts: ["phys"] } },
    "access.allow.accounts names phys, which is no account in Slurm's accounting",
  ],
  [{ serviceUsers: ["www"] }, "access.serviceUsers names www, which is no user here"],
  [{ operators: ["ada", "bob"] }, "access.operators names bob, which is no user here"],
])("names what is unknown in %j", async (access, sentence) => {
  expect(await check(access)).toEqual([
    {
      name: "names in access",
      status: "warning",
      detail: `${sentence}, so the entry has no effect: correct or remove it, and restart gleanerd`,
    },
  ]);
});

test("says so if a directory does not answer, after what it found", async () => {
  const silent = { ...directories, hasSlurmAccount: () => Promise.reject(new Error("no answer")) };
  const found = await check({ deny: { users: ["eda"], accounts: ["physics"] } }, silent);
  expect(found.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^access\.deny\.users names eda/),
    "not all were checked: no answer",
  ]);
});

test("asks for several names at once, but not for all, and for none after a failure", async () => {
  const users = Array.from({ length: 20 }, (_, index) => `user${index}`);
  let asked = 0;
  let fail = (): void => undefined;
  const answer = new Promise<null>((_, reject) => {
    fail = () => reject(new Error("no answer"));
  });
  const byName = () => {
    asked++;
    return answer;
  };
  const found = check({ allow: { users } }, { ...directories, byName });
  expect(asked).toBe(8);
  fail();
  expect((await found).map(({ detail }) => detail)).toEqual(["not all were checked: no answer"]);
  expect(asked).toBe(8);
});
