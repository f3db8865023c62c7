// Whose records a request reaches: users go by uid, under whatever names, whoever had them before.

import { expect, test } from "@jest/globals";
import { chosenUid } from "../../../../src/daemon/api/users.js";
import { Accounts } from "../../../../src/daemon/auth/accounts.js";
import { isNamed, labelOf, uidIn, userShape } from "../../../../src/model/user.js";

const ada = { uid: 1_000, gid: 100, user: "ada", operator: false };
const operator = { uid: 0, gid: 0, user: "root", operator: true };
/** `ada` is uid 1005's name today; uid 1000 had it when it submitted, and uid 1003 was `gone`. */
const named = new Map([
  ["gone", 1_003],
  ["ada", 1_000],
]);
const names = {
  accounts: {
    byName: async (name: string) =>
      name === "ada" ? { name, uid: 1_005, shell: "/bin/sh" } : null,
  },
  store: { uidNamed: async (name: string) => named.get(name) ?? null },
};
const chosen = (caller: typeof ada, user?: string) => chosenUid(names, caller, user, "see");

test.each([undefined, "ada", "1000"])(
  "a user who says %j gets what is their own uid's",
  async (user) => {
    expect(await chosen(ada, user)).toBe(1_000);
  },
);

test.each(["bob", "1001", "0", "root", "gone"])("a user who says %j is refused", async (user) => {
  await expect(chosen(ada, user)).rejects.toMatchObject({ code: "NOT_ALLOWED" });
});

test.each([
  ["nobody in particular: everybody", undefined, undefined],
  ["a uid", "1001", 1_001],
  ["a name that somebody has: them, not who had it before", "ada", 1_005],
  ["a name that nobody has any more: who submitted under it", "gone", 1_003],
])("an operator may name %s", async (_what, user, uid) => {
  expect(await chosen(operator, user)).toBe(uid);
});

test("an operator who names an unknown user gets an error", async () => {
  await expect(chosen(operator, "never")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("users are found in the records if the directories do not answer", async () => {
  const byName = () => Promise.reject(new Error("no answer"));
  const uid = chosenUid({ ...names, accounts: { byName } }, operator, "gone", "see");
  expect(await uid).toBe(1_003);
});

test.each(["ada@EXAMPLE.ORG", "host$", "DOMAIN\\ada", "1000", "a.b-c_d", "jörg"])(
  "%s is a user's name",
  (name) => expect(name).toMatch(userShape),
);
test.each(["", "-x", "a b", "a,b", "a:b", "a/b", "a\n", "a\u202eb", "a".repeat(257)])(
  "%j is none",
  (name) => expect(name).not.toMatch(userShape),
);

test("digits count as a uid, even if a user has that name", () => {
  expect([uidIn("1000"), uidIn("4294967295"), uidIn("99999999999"), uidIn("a1")]).toEqual([
    1_000,
    null,
    null,
    null,
  ]);
  expect(labelOf("0", 1_000)).toBe("1000");
  expect(isNamed({ uid: 1_000, user: "1001" }, "1001")).toBe(false);
  expect(isNamed({ uid: 1_001, user: "ada" }, "1001")).toBe(true);
});

test("the system's own users are found by name and uid, with their groups", async () => {
  const accounts = new Accounts();
  expect(await accounts.byName("root")).toMatchObject({ name: "root", uid: 0 });
  const nobody = (await accounts.byName("nobody"))!;
  expect(await accounts.byUid(nobody.uid)).toEqual(nobody);
  expect(await accounts.groupsOf(nobody)).toEqual(["nogroup"]);
  expect(await accounts.byName("no-such-user")).toBeNull();
  expect(await accounts.byName("--help")).toBeNull();
  expect(await accounts.byUid(3_999_999_999)).toBeNull();
});

test("the system's own groups are found under their own name", async () => {
  const accounts = new Accounts();
  expect(await accounts.groupNamed("nogroup")).toBe("nogroup");
  expect(await accounts.groupNamed("0")).toBe("root");
  expect(await accounts.groupNamed("no-such-group")).toBeNull();
  expect(await accounts.groupNamed("--help")).toBeNull();
});
