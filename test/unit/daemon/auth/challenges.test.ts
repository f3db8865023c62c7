// Challenges of the token exchange: forged, expired, used and too many.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { useTime } from "../../../../src/clock.js";
import {
  Challenges,
  challengeMs,
  maxRedeemedPerUser,
} from "../../../../src/daemon/auth/challenges.js";
import { credentialPayload, shownEndpoint } from "../../../../src/wire/munge/credential.js";

const here = { host: "127.0.0.1", port: 828 };
let now = 0;
let restore: () => void;
beforeEach(() => {
  now = 0;
  restore = useTime(standing);
});
afterEach(() => restore());
const standing = {
  monotonicMs: () => now,
  nowMs: () => now,
  machineMonotonicNs: () => 0n,
  setTimeout: () => ({ unref: () => undefined }),
  clearTimeout: () => undefined,
  setImmediate: () => undefined,
  standStill: () => false,
};

const payloadOf = (given: { instance: string; nonce: string }) =>
  credentialPayload({ address: shownEndpoint(here), ...given });

test("a challenge that was changed, or comes from an earlier process, is refused", () => {
  const challenges = new Challenges("a");
  const { nonce } = challenges.issue();
  const [random, expiry, mac] = nonce.split(".") as [string, string, string];
  const later = (Number.parseInt(expiry, 36) + 1_000_000).toString(36);
  const forged = [`${random}.${later}.${mac}`, `${random}.${expiry}`, "", nonce.toUpperCase()];
  for (const each of [...forged, new Challenges("a").issue().nonce])
    expect(() => challenges.redeem(payloadOf({ instance: "a", nonce: each }), 1, here)).toThrow(
      /not from this gleanerd/,
    );
});

test("a challenge expires, and is remembered until then once used", () => {
  const challenges = new Challenges("a");
  const used = payloadOf(challenges.issue());
  const kept = payloadOf(challenges.issue());
  challenges.redeem(used, 1, here);
  now = challengeMs - 1;
  expect(() => challenges.redeem(used, 1, here)).toThrow(/was used already/);
  now = challengeMs;
  for (const each of [used, kept])
    expect(() => challenges.redeem(each, 1, here)).toThrow(/has expired/);
});

test("one user's excessive requests are refused, but nobody else's", () => {
  const challenges = new Challenges("a");
  const ask = (uid: number) => challenges.redeem(payloadOf(challenges.issue()), uid, here);
  for (let count = 0; count < maxRedeemedPerUser; count++) ask(1);
  expect(() => ask(1)).toThrow(/reuse a token/);
  ask(2);
  now = challengeMs;
  ask(1);
});

test.each([
  ["::ffff:10.0.0.1", "10.0.0.1:828"],
  ["fe80::1%eth0", "[fe80::1]:828"],
  ["::1", "[::1]:828"],
])("both ends write the address %s alike", (host, shown) => {
  expect(shownEndpoint({ host, port: 828 })).toBe(shown);
});
