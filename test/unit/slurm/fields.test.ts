// Lines of `scontrol -o`, as Slurm writes them and as nobody should.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { linesOf, noteUnreadable, readFields } from "../../../src/slurm/fields.js";

describe("readFields", () => {
  test("reads values with spaces, with = and empty ones", () => {
    const line =
      "NodeName=n1  OS=Linux 6.18 #1 SMP @0  RealMemory=10 CfgTRES=cpu=16,mem=1G AllocTRES= MCS_label=N/A Socks/Node=*";
    expect(Object.fromEntries(readFields(line))).toEqual({
      NodeName: "n1",
      OS: "Linux 6.18 #1 SMP @0",
      RealMemory: "10",
      CfgTRES: "cpu=16,mem=1G",
      AllocTRES: "",
      MCS_label: "N/A",
      "Socks/Node": "*",
    });
  });

  test("never takes an administrator's text for a field", () => {
    const fields = readFields(
      "State=IDLE Reason=bad State=DOWN Owner=me Reason=x [root@t] Comment=CPUAlloc=0 Gres=gpu:9",
    );
    expect(Object.fromEntries(fields)).toEqual({
      State: "IDLE",
      Reason: "bad State=DOWN Owner=me Reason=x [root@t]",
      Comment: "CPUAlloc=0 Gres=gpu:9",
    });
  });

  test("uses the first of duplicate keys", () => {
    expect(readFields("A=1 A=2 B=3 A=4").get("A")).toBe("1 A=2");
  });

  test("never throws, and returns only values from the line", () => {
    const line = fc.oneof(fc.string(), fc.stringMatching(/^([A-Z][a-z]?=?[a-z =]{0,4} ){0,6}$/));
    fc.assert(
      fc.property(line, (text) => {
        for (const [key, value] of readFields(text)) expect(text).toContain(`${key}=${value}`);
      }),
      { numRuns: 500 },
    );
  });
});

describe("linesOf", () => {
  test("returns non-empty lines, including a last one without a line break", () => {
    expect([...linesOf(Buffer.from("a\n\nbä\nc"))]).toEqual(["a", "bä", "c"]);
    expect([...linesOf(Buffer.from(""))]).toEqual([]);
  });
});

test("noteUnreadable keeps the first 20 lines, 200 characters of each", () => {
  const unreadable: string[] = [];
  for (let line = 0; line < 30; line++) noteUnreadable(unreadable, "x".repeat(1_000));
  expect(unreadable).toEqual(new Array(20).fill("x".repeat(200)));
});
