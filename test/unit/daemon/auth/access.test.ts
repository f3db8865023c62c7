// Who may run functions: the lists in the configuration, service users, and directories that do not
// answer.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parseConfig } from "../../../../src/config.js";
import { type AccessFacts, accessProblemOf } from "../../../../src/core/submission/access.js";
import { Access } from "../../../../src/daemon/auth/access.js";
import { Accounts } from "../../../../src/daemon/auth/accounts.js";

const policyOf = (access: object) => parseConfig({ access }, "the test").access;
const ada: AccessFacts = {
  uid: 5_000,
  user: "ada",
  shell: "/bin/bash",
  groups: ["users", "domain users"],
  accounts: ["physics"],
};
const problem = (access: object, change: Partial<AccessFacts> = {}) =>
  accessProblemOf({ ...ada, ...change }, policyOf(access));

describe("may run functions", () => {
  test.each<[string, object, Partial<AccessFacts>]>([
    ["everybody, where nothing is said", {}, {}],
    ["a listed user", { allow: { users: ["ada"] } }, {}],
    ["a listed uid, whatever its name", { allow: { users: ["5000"] } }, { user: "???" }],
    ["a member of a listed group", { allow: { groups: ["domain users"] } }, {}],
    ["a user of a listed account", { allow: { users: ["bob"], accounts: ["physics"] } }, {}],
    ["a service user that is named", { serviceUsers: ["ada"] }, { uid: 5, shell: "/bin/false" }],
    ["a uid at the minimum", { minimumUid: 5_000 }, {}],
    ["a uid that the system does not know", {}, { shell: null, groups: [], accounts: [] }],
  ])("%s", (_who, access, change) => expect(problem(access, change)).toBeNull());
});

describe("may not run functions", () => {
  test.each<[string, object, Partial<AccessFacts>, RegExp]>([
    ["a denied user", { deny: { users: ["ada"] } }, {}, /access\.deny names user ada/],
    ["a denied uid", { deny: { users: ["5000"] } }, {}, /access\.deny names user 5000/],
    [
      "a denied group's member, though allowed by name",
      { allow: { users: ["ada"] }, deny: { groups: ["users"] } },
      {},
      /names group users/,
    ],
    ["a denied account's user", { deny: { accounts: ["physics"] } }, {}, /Slurm account physics/],
    ["whoever is not listed", { allow: { users: ["bob"] } }, {}, /access\.allow names neither/],
    ["a uid of a service", {}, { uid: 999 }, /uid 999 is below access\.minimumUid \(1000\)/],
    [
      "a user who cannot log in",
      {},
      { shell: "/usr/sbin/nologin" },
      /shell is \/usr\/sbin\/nologin/,
    ],
    [
      "a user whose name is another's uid",
      { allow: { users: ["5000"] } },
      { uid: 6_000, user: "5000" },
      /access\.allow/,
    ],
  ])("%s", (_who, access, change, sentence) => {
    const said = problem(access, change)!;
    expect(said).toMatch(sentence);
    expect(said).toMatch(/^\S+ may not run functions here, because .*: ask your administrator/);
  });
});

describe("the door", () => {
  const nobody = { uid: 65_534, gid: 65_534, user: "nobody" };
  const doorOf = (access: object, sacctmgr?: string) =>
    new Access(new Accounts(sacctmgr), policyOf(access));

  test("recognises service accounts by the system's records", async () => {
    await expect(doorOf({}).require(nobody)).rejects.toMatchObject({
      code: "NOT_ALLOWED",
      message: expect.stringContaining("nologin"),
    });
    await expect(doorOf({ serviceUsers: ["nobody"] }).require(nobody)).resolves.toBeUndefined();
    const byGroup = { serviceUsers: ["nobody"], deny: { groups: ["nogroup"] } };
    await expect(doorOf(byGroup).require(nobody)).rejects.toThrow(/group nogroup/);
  });

  test("asks Slurm's accounting only if accounts are listed, and admits nobody without its answer", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gleaner-access-"));
    const program = join(folder, "sacctmgr");
    writeFileSync(program, '#!/bin/sh\necho "$@" >>"$0.asked"\nprintf "physics\\nchemistry\\n"\n');
    chmodSync(program, 0o755);
    const access = { serviceUsers: ["nobody"], allow: { accounts: ["chemistry"] } };
    await expect(doorOf(access, program).require(nobody)).resolves.toBeUndefined();
    await expect(doorOf(access, join(folder, "none")).require(nobody)).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    rmSync(folder, { recursive: true });
  });
});
