// The known_hosts parser against entries of every form that OpenSSH writes.

import { createHmac } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { hostEntry, parseKnownHosts } from "../../../../src/launch/ssh/known-hosts.js";

/** The bytes of a key of this type; `seed` tells two of them apart. */
function keyOf(type: string, seed: number): string {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, Buffer.alloc(32, seed)]).toString("base64");
}

function hashed(host: string): string {
  const salt = Buffer.alloc(20, 7);
  const hash = createHmac("sha1", salt).update(host).digest("base64");
  return `|1|${salt.toString("base64")}|${hash}`;
}

const ed = "ssh-ed25519";
const linesFor = (text: string, host: string) =>
  parseKnownHosts(text)
    .lookup(host)
    .map(({ line }) => line);

describe("known hosts", () => {
  test("include plain names, several on a line, in any case, with a comment", () => {
    const text = `# ours\n\nN1,10.0.0.1 ${ed} ${keyOf(ed, 1)} root@n1\n`;
    expect(linesFor(text, "n1")).toEqual([3]);
    expect(linesFor(text, "10.0.0.1")).toEqual([3]);
    expect(linesFor(text, "n2")).toEqual([]);
  });

  test("need a separate entry for a port other than 22", () => {
    const text = `[n1]:2222 ${ed} ${keyOf(ed, 1)}\nn1 ${ed} ${keyOf(ed, 2)}\n`;
    expect(linesFor(text, hostEntry("N1", 2222))).toEqual([1]);
    expect(linesFor(text, hostEntry("n1", 22))).toEqual([2]);
  });

  test("include hashed names, with and without a port", () => {
    const text = `${hashed("n1")} ${ed} ${keyOf(ed, 1)}\n${hashed("[n1]:2222")} ${ed} ${keyOf(ed, 2)}\n`;
    expect(linesFor(text, "n1")).toEqual([1]);
    expect(linesFor(text, "[n1]:2222")).toEqual([2]);
    expect(linesFor(text, "n2")).toEqual([]);
  });

  test("include wildcards and exclusions", () => {
    const text = `n*.site,!n9.site,gpu? ${ed} ${keyOf(ed, 1)}\n`;
    expect(linesFor(text, "n1.site")).toEqual([1]);
    expect(linesFor(text, "n9.site")).toEqual([]);
    expect(linesFor(text, "gpu1")).toEqual([1]);
    expect(linesFor(text, "gpu12")).toEqual([]);
  });

  test("include several types of keys, and mark revoked ones", () => {
    const rsa = "ssh-rsa";
    const text = `n1 ${ed} ${keyOf(ed, 1)}\nn1 ${rsa} ${keyOf(rsa, 1)}\n@revoked n1 ${ed} ${keyOf(ed, 9)}\n`;
    const keys = parseKnownHosts(text).lookup("n1");
    expect(keys.map(({ type, revoked }) => [type, revoked])).toEqual([
      [ed, false],
      [rsa, false],
      [ed, true],
    ]);
  });

  test.each([
    ["a certificate authority", `@cert-authority n1 ${ed} ${keyOf(ed, 1)}`],
    ["a key that is not of its type", `n1 ${ed} ${keyOf("ssh-rsa", 1)}`],
    ["no key", `n1 ${ed}`],
    ["a comment", `#n1 ${ed} ${keyOf(ed, 1)}`],
    ["an unknown kind of hash", `|2|AAAA|BBBB ${ed} ${keyOf(ed, 1)}`],
    ["a line beyond the limit", `${"x,".repeat(10_000)}n1 ${ed} ${keyOf(ed, 1)}`],
  ])("do not match by %s", (_, line) => {
    expect(linesFor(line, "n1")).toEqual([]);
  });

  test("are read quickly and without an error, whatever the file holds", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 40 }), (text, host) => {
        parseKnownHosts(text).lookup(host);
      }),
    );
    const stars = `${"*a".repeat(4_000)} ${ed} ${keyOf(ed, 1)}`;
    expect(linesFor(stars, "a".repeat(200))).toEqual([]);
  });
});
