// A report carries the voucher of its order to every daemon but the one that sent the order, and
// waits for those of the tasks that follow at once.

import { expect, jest, test } from "@jest/globals";
import { Outbox } from "../../../../src/executor/connection/outbox.js";
import { invocationId } from "../../../../src/model/ids.js";
import type { ExecutorMessage } from "../../../../src/wire/messages.js";

const key = { invocation: invocationId(7), attempt: 1 };
const voucher = Buffer.from("sealed");
const usage = { wallMs: 1, cpuMs: 1, maxRssMb: 1 };
const report = { ...key, ...usage, end: "COMPLETED", exitCode: 0, signal: null, reason: null };

/** What one daemon hears. */
function daemon(outbox: Outbox) {
  const heard: ExecutorMessage[] = [];
  outbox.attach((message) => heard.push(message) > 0);
  return {
    heard,
    vouchers: () => heard.map((each) => (each.type === "ended" ? each.voucher : null)),
  };
}

const ends = (outbox: Outbox) =>
  outbox.report(key, (agoMs) => ({ type: "ended", report: { ...report, agoMs } as never }));

test("whether the attempt ended before the next daemon came or later", () => {
  for (const endsFirst of [true, false]) {
    const outbox = new Outbox();
    const first = daemon(outbox);
    outbox.vouch(key, voucher);
    if (endsFirst) ends(outbox);
    expect(first.vouchers()).toEqual(endsFirst ? [undefined] : []);
    outbox.detach();
    const next = daemon(outbox);
    if (!endsFirst) ends(outbox);
    expect(next.vouchers()).toEqual([voucher]);
    outbox.recorded(key);
    outbox.detach();
    expect(daemon(outbox).heard).toEqual([]);
  }
});

test("reports of tasks that follow each other leave together, after 20 ms at most", () => {
  jest.useFakeTimers();
  try {
    const outbox = new Outbox();
    const { heard } = daemon(outbox);
    const ended = (mayWait: boolean) =>
      outbox.report(
        key,
        () => ({ type: "ended", report: { ...report, agoMs: 0 } as never }),
        mayWait,
      );
    ended(true);
    ended(true);
    expect(heard).toEqual([]);
    ended(false);
    expect(heard).toHaveLength(3);
    ended(true);
    jest.advanceTimersByTime(20);
    expect(heard).toHaveLength(4);
    // A new daemon gets it once.
    ended(true);
    outbox.detach();
    const next = daemon(outbox);
    expect(next.heard).toHaveLength(1);
    jest.advanceTimersByTime(20);
    expect(next.heard).toHaveLength(1);
  } finally {
    jest.useRealTimers();
  }
});
