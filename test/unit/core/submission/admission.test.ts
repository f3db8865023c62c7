// Which submissions are accepted, their defaults, and the sentence that refuses one.

import { describe, expect, test } from "@jest/globals";
import { type AdmissionPolicy, admit } from "../../../../src/core/submission/admission.js";
import { notesOn } from "../../../../src/core/submission/notes.js";
import { type RequestedSubmission, unlimitedMs } from "../../../../src/model/invocation.js";
import { noLoad } from "../../../support/nouns.js";

describe("admission", () => {
  const rules: AdmissionPolicy = {
    defaultMemoryPerCoreMb: 1_000,
    defaultTimeLimitMs: 600_000,
    maxTimeLimitMs: 3_600_000,
    maxArrayTasks: 100,
    maxPending: 1_000,
    maxPendingEntries: 100,
    maxDocumentsMb: 100,
    maxScriptBytes: 1_000,
    maxEnvironmentBytes: 100,
    allowRootFunctions: false,
  };
  const asked: RequestedSubmission = {
    name: "tile",
    command: { kind: "script", body: "#!/bin/sh\necho hi\n", args: [] },
    cores: 2,
    memoryMb: null,
    gpus: 0,
    memoryPerCoreMb: null,
    timeLimitMs: null,
    workingDirectory: "/home/ann",
    stdoutPattern: null,
    stderrPattern: null,
    environment: { PATH: "/bin" },
    arrayTasks: null,
    notice: null,
    checkpoint: false,
  };
  const attached = {
    kind: "attached" as const,
    argv: ["true"],
    client: { hosts: ["login1"], port: 60_001, socket: "gleaner-run-1", bootId: "" },
  };
  const largest = { cores: 16, memoryMb: 31_500, gpus: 4 };
  const refusal = (change: Partial<RequestedSubmission>, uid = 1_000) => {
    try {
      admit({ ...asked, ...change }, uid, noLoad, largest, rules);
      return null;
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };

  test("fills in the site's defaults", () => {
    const admitted = admit(asked, 1_000, noLoad, largest, rules);
    expect(admitted).toMatchObject({ memoryMb: 2_000, timeLimitMs: 600_000 });
    expect(admitted).not.toHaveProperty("memoryPerCoreMb");
    expect(admit({ ...asked, memoryPerCoreMb: 300 }, 1_000, noLoad, null, rules).memoryMb).toBe(
      600,
    );
  });

  test.each<[Partial<RequestedSubmission>, string]>([
    [{ cores: 17 }, "largest node has 16: ask for fewer with -c"],
    [{ cores: 17, ntasks: 17 }, "largest node has 16: ask for fewer with -n or -c"],
    [{ memoryMb: 40_000 }, "can offer 31500 MB"],
    [{ timeLimitMs: 4_000_000 }, "functions.maxTimeLimitMs"],
    [{ cores: 0 }, "-c to 1"],
    [{ command: attached, arrayTasks: [1] }, "cannot be an array"],
    [{ command: attached, ntasks: 257 }, "at most 256 tasks"],
    [{ workingDirectory: "here" }, "not absolute"],
    [{ command: { kind: "script", body: "echo hi", args: [] } }, "#!"],
    [
      { command: { kind: "script", body: `#!/bin/sh\n${"x".repeat(1_000)}`, args: [] } },
      "larger than 1000",
    ],
    [{ environment: { A: "x".repeat(200) } }, "--export"],
    [{ environment: { A: "x\0y" } }, "NUL"],
    [{ environment: { "A=B": "x" } }, "equals sign"],
    [{ arrayTasks: [] }, "no task"],
    [{ arrayTasks: [1, 1] }, "twice"],
    [{ arrayTasks: Array.from({ length: 101 }, (_, index) => index) }, "split it"],
  ])("refuses %j with a sentence that helps", (change, sentence) => {
    expect(refusal(change)).toContain(sentence);
  });

  test.each<Partial<RequestedSubmission>>([
    { cores: 16 },
    { memoryMb: 31_500 },
    { gpus: 4 },
    { timeLimitMs: 3_600_000 },
    { environment: { A: "x".repeat(97) } },
    { arrayTasks: Array.from({ length: 100 }, (_, index) => index) },
  ])("accepts the most that is allowed: %j", (change) => {
    expect(refusal(change)).toBeNull();
  });

  test("gives a notice at half of a time limit that is no longer than its lead time", () => {
    const notice = { signal: 10, mainOnly: true };
    const leadOf = (leadMs: number | null, timeLimitMs: number) =>
      admit({ ...asked, notice: { ...notice, leadMs }, timeLimitMs }, 1_000, noLoad, null, rules)
        .notice;
    expect(leadOf(59_999, 60_000)).toEqual({ ...notice, leadMs: 59_999 });
    expect(leadOf(60_000, 60_000)).toEqual({ ...notice, leadMs: 30_000 });
    expect(leadOf(900_000, 60_000)).toEqual({ ...notice, leadMs: 30_000 });
    expect(leadOf(null, 60_000)).toEqual({ ...notice, leadMs: 30_000 });
  });

  test("refuses GPUs and time limits that pilots do not have, and gives no default that is longer", () => {
    const inPilots = { ...rules, longestInPilotMs: 45_000, defaultTimeLimitMs: 45_000 };
    expect(admit(asked, 1_000, noLoad, largest, inPilots).timeLimitMs).toBe(45_000);
    const withoutGpus = { ...largest, gpus: 0 };
    expect(() => admit({ ...asked, gpus: 1 }, 1_000, noLoad, withoutGpus, inPilots)).toThrow(
      "the request is for 1 GPU, but functions on this site get none: omit --gpus",
    );
    const unlimited = { ...asked, timeLimitMs: unlimitedMs };
    const admitted = admit(unlimited, 1_000, noLoad, largest, inPilots);
    expect(admitted.timeLimitMs).toBe(45_000);
    expect(notesOn(unlimited, admitted, inPilots)).toEqual([
      "the time limit is lowered from UNLIMITED to 0:00:45, the longest that this site allows",
    ]);
    expect(() => admit({ ...asked, timeLimitMs: 45_001 }, 1_000, noLoad, null, inPilots)).toThrow(
      /45001 ms exceeds the 0:00:45 that pilots here have.*placement\.pilot\.timeLimitMs/,
    );
  });

  test("refuses root unless the site allows it, and a full queue", () => {
    expect(refusal({}, 0)).toContain("access.allowRootFunctions");
    expect(refusal({})).toBeNull();
    expect(() => admit(asked, 1_000, { ...noLoad, waiting: 1_000 }, largest, rules)).toThrow(
      "functions.maxPending",
    );
  });
});
