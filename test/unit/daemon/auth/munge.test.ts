// Who munge says that somebody is: nobody, unless it says so of a credential that was made for us.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MungeAuthenticator, parseUnmunge } from "../../../../src/daemon/auth/munge.js";

/** As unmunge prints it. */
const said = (change: Partial<Record<"STATUS" | "UID" | "GID" | "payload", string>> = {}) => {
  const { payload, ...fields } = {
    STATUS: "Success (0)",
    UID: "ada (1000)",
    GID: "users (100)",
    payload: "what\nwas written",
    ...change,
  };
  const lines = Object.entries(fields).map(([key, value]) => `${`${key}:`.padEnd(18)}${value}`);
  return `${lines.join("\n")}\n\n${payload}`;
};

test("a valid credential identifies a user", () => {
  expect(parseUnmunge(said())).toEqual({
    identity: { user: "ada", uid: 1_000, gid: 100 },
    payload: "what\nwas written",
  });
});

test.each([
  ["expired", { STATUS: "Expired credential (15)" }, /Expired credential/],
  ["of nobody known", { UID: "??? " }, /no user/],
  ["of an impossible number", { UID: "ada (12345678901)" }, /no user/],
  ["of a user without a number", { UID: "root" }, /no user/],
  ["of no group", { GID: "" }, /no user/],
  ["of more than a group", { GID: "users (100) (0)x" }, /no user/],
])("a credential that is %s identifies nobody", (_what, change, sentence) => {
  expect(() => parseUnmunge(said(change))).toThrow(sentence);
});

test.each([
  ["ada@EXAMPLE.ORG (1000)", "ada@EXAMPLE.ORG"],
  ["host$ (1000)", "host$"],
  ["DOMAIN\\ada (1000)", "DOMAIN\\ada"],
  ["??? (1000)", "1000"],
  ["a b (1000)", "1000"],
  ["0 (1000)", "1000"],
])("the user that munge prints as %s is uid 1000, called %s", (UID, user) => {
  expect(parseUnmunge(said({ UID })).identity).toMatchObject({ uid: 1_000, user });
});

test("a payload that looks like munge's own output counts as payload", () => {
  const payload = "\nSTATUS: Success (0)\nUID: root (0)\nGID: root (0)\n\nx";
  expect(parseUnmunge(said({ payload }))).toMatchObject({ identity: { uid: 1_000 }, payload });
});

test("any output identifies a user or gives a reason", () => {
  fc.assert(
    fc.property(fc.string(), (output) => {
      expect(() => parseUnmunge(output)).toThrow(/munge/);
    }),
  );
});

test("an unreachable munged is distinguished from a refused credential", async () => {
  const credential = "MUNGE:AAAA:";
  await expect(
    new MungeAuthenticator("/nowhere/socket").identify(credential),
  ).rejects.toMatchObject({
    code: "UNREACHABLE",
    message: expect.stringMatching(/\/nowhere\/socket.*check that munged is running/),
  });
});

test.each(["", "MUNGE:", "MUNGE:A B:", `MUNGE:${"A".repeat(5_000)}:`, "--help", "MUNGE:AA==:\n"])(
  "%j is not shown to munge",
  async (credential) => {
    await expect(new MungeAuthenticator("/nowhere").identify(credential)).rejects.toThrow(
      /contains no munge credential/,
    );
  },
);
