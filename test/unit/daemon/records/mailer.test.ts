// Mails of submissions: once for each event that was asked for, for an array as a whole, through a
// program that is run as Slurm runs its MailProg.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { pino } from "pino";
import type { ScanFilter } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { newTasks } from "../../../../src/core/submission/new-tasks.js";
import { Mailer, sendThrough } from "../../../../src/daemon/records/mailer.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import type { Identity, Invocation, Mail } from "../../../../src/model/invocation.js";
import { newState } from "../../../support/daemon/state.js";
import { sampleRequest } from "../../../support/store/samples.js";

const log = pino({ level: "silent" });

/** After all promises that are settled by now. */
const allTold = () => new Promise((resolve) => setImmediate(resolve));

function site(mailer?: (subject: string) => Promise<void>) {
  const { live, events } = newState();
  const sent: string[] = [];
  const recorded: Invocation[] = [];
  events.subscribe(["invocationEnded"], ({ invocation }) => void recorded.push(invocation));
  // One record for each part of the list.
  const scanInvocations = async ({ arrayJobId }: ScanFilter, after: number) => {
    const tasks = recorded.filter((each) => each.arrayJobId === arrayJobId);
    const next = after + 1 < tasks.length ? after + 1 : null;
    return { found: tasks.slice(after, after + 1), scannedTo: next };
  };
  const send = async (subject: string, address: string) => {
    sent.push(`${address}: ${subject}`);
    await mailer?.(subject);
  };
  new Mailer(events, { scanInvocations }, log, send);
  const submit = (
    id: number,
    mail: Mail,
    tasks: readonly number[] | null = null,
    owner: Partial<Identity> = {},
  ) => {
    const sample = sampleRequest("r", { tasks });
    const submission = { ...sample.submission, mail };
    const request = { ...sample, owner: { ...sample.owner, ...owner }, submission };
    const digest = digestOf(1_000, request.submission);
    for (const { invocation, run } of newTasks(request, invocationId(id)))
      if (run === undefined) live.add({ invocation, digest }, null);
      else live.addRun({ invocation, digest }, run);
  };
  const begin = (id: number, attempt = 1) => {
    const change = { attempt, startedAtMs: 1_000, node: nodeName("n1") };
    live.begin(live.get(invocationId(id))!, executorId("e1"), change);
  };
  const again = (id: number) => {
    live.requeue(live.get(invocationId(id))!, "evicted");
    begin(id, 2);
  };
  const end = (id: number, state: "COMPLETED" | "FAILED" | "CANCELLED", change: object = {}) => {
    const exitCode = state === "FAILED" ? 3 : 0;
    const ended = { state, exitCode, wallMs: 61_000, endedAtMs: 2_000, ...change };
    live.finish(live.get(invocationId(id))!, ended);
  };
  return { submit, begin, again, end, sent, recorded };
}

test("an invocation is told of when it begins and ends, to its owner or another", async () => {
  const { submit, begin, end, sent } = site();
  submit(7, { on: ["begin", "end"], eachTask: false });
  submit(8, { on: ["fail"], eachTask: false, to: "ada@example.org" });
  submit(9, { on: ["fail"], eachTask: false });
  for (const id of [7, 8, 9]) begin(id);
  end(7, "COMPLETED");
  end(8, "FAILED");
  end(9, "COMPLETED");
  await allTold();
  expect(sent).toEqual([
    expect.stringMatching(/^ada: Gleaner Job_id=7 Name=sum Began, Queued time [\d:-]+$/),
    "ada: Gleaner Job_id=7 Name=sum Ended, Run time 00:01:01, COMPLETED, ExitCode 0",
    "ada@example.org: Gleaner Job_id=8 Name=sum Failed, Run time 00:01:01, FAILED, ExitCode 3",
  ]);
});

test.each([
  [{ wallMs: 90_061_000 }, "Ended, Run time 1-01:01:01, CANCELLED, ExitCode 0"],
  [{ reason: "DeadLine: it came" }, "Failed, Run time 00:01:01, CANCELLED, ExitCode 0"],
])("what was cancelled has failed only if it missed its deadline: %j", (change, told) => {
  const { submit, begin, end, sent } = site();
  for (const on of ["end", "fail"] as const)
    submit(on === "end" ? 7 : 8, { on: [on], eachTask: false });
  for (const id of [7, 8]) {
    begin(id);
    end(id, "CANCELLED", change);
  }
  const ids = told.startsWith("Failed") ? [7, 8] : [7];
  expect(sent).toEqual(ids.map((id) => `ada: Gleaner Job_id=${id} Name=sum ${told}`));
});

test("an array is told of once, unless each task is asked for", async () => {
  const { submit, begin, end, sent } = site();
  submit(20, { on: ["end"], eachTask: false }, [0, 1]);
  submit(30, { on: ["end"], eachTask: true }, [0, 1]);
  for (const id of [20, 21, 30, 31]) begin(id);
  end(20, "FAILED");
  end(30, "COMPLETED");
  end(21, "COMPLETED");
  end(31, "COMPLETED");
  await allTold();
  expect(
    sent.map((each) => each.replace(/^ada: Gleaner Job_id=(\S+) .*? (Ended|Failed)/, "$1 $2")),
  ).toEqual([
    expect.stringMatching(/^30_0 Ended/),
    expect.stringMatching(/^30_1 Ended/),
    "20_* Failed, 1 of 2 tasks failed",
  ]);
});

test("the mails of one user hold up and displace nobody else's", () => {
  const hangs = () => new Promise<void>(() => {});
  const { submit, begin, end, sent } = site(hangs);
  const tasks = Array.from({ length: 1_500 }, (_, task) => task);
  submit(10_000, { on: ["end"], eachTask: true }, tasks);
  submit(7, { on: ["end"], eachTask: false }, null, { uid: 1_001, user: "bob" });
  for (const task of tasks) {
    begin(10_000 + task);
    end(10_000 + task, "COMPLETED");
  }
  begin(7);
  end(7, "COMPLETED");
  expect(sent.filter((each) => each.startsWith("bob: "))).toHaveLength(1);
});

test("each task is told of when it begins, and only then, if that is asked for", async () => {
  const { submit, begin, again, sent } = site();
  submit(20, { on: ["begin"], eachTask: false }, [0, 1]);
  submit(30, { on: ["begin"], eachTask: true }, [4, 5]);
  for (const id of [20, 21, 30, 31]) begin(id);
  for (const id of [20, 30]) again(id);
  await allTold();
  const told = sent.map((each) => /Job_id=(\S+) .* (Began)/.exec(each)!.slice(1).join(" "));
  expect(told).toEqual(["20 Began", "30_4 Began", "30_5 Began"]);
});

test("an array's mail counts what ended before a restart, and what never began", async () => {
  const { submit, begin, end, sent, recorded } = site();
  submit(20, { on: ["end"], eachTask: false }, [0]);
  begin(20);
  end(20, "COMPLETED");
  await allTold();
  const [task] = recorded;
  submit(21, { on: ["end"], eachTask: false }, [1]);
  const array = invocationId(21);
  recorded.push(
    { ...task!, arrayJobId: array, state: "FAILED" },
    { ...task!, arrayJobId: array, state: "CANCELLED" },
  );
  begin(21);
  end(21, "COMPLETED");
  await allTold();
  expect(sent).toEqual([
    "ada: Gleaner Job_id=20_* Name=sum Ended, COMPLETED",
    "ada: Gleaner Job_id=21_* Name=sum Failed, 1 of 3 tasks failed, 1 of 3 tasks cancelled",
  ]);
});

test("the program gets the subject and the address, and its failure is reported", async () => {
  const folder = mkdtempSync(join(tmpdir(), "glean-mail-"));
  const program = join(folder, "mail");
  writeFileSync(program, `#!/bin/sh\nprintf '%s|' "$@" > ${folder}/sent\n[ "$3" = ada ]\n`);
  chmodSync(program, 0o755);
  await sendThrough(program)("a subject; $(x)", "ada");
  expect(readFileSync(join(folder, "sent"), "utf8")).toBe("-s|a subject; $(x)|ada|");
  await expect(sendThrough(program)("s", "bob")).rejects.toThrow(/ended with status 1/);
  rmSync(folder, { recursive: true });
});
