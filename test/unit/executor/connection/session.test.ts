// How an executor comes back to its daemon: at once after a restart, ever more slowly to one that
// drops it, and with one line in its log for each reason.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Time, useTime } from "../../../../src/clock.js";
import {
  Session,
  type SessionConnection,
  type SessionEvents,
} from "../../../../src/executor/connection/session.js";
import { executorId } from "../../../../src/model/ids.js";

type Listeners = Parameters<SessionConnection["listen"]>[0];

const address = { host: "", port: 1, executor: executorId("n1.00000001"), secret: "" };
const minute = 60_000;

let nowMs: number;
let timers: { readonly dueMs: number; readonly run: () => void }[];
let goBack: () => void;
let connectedAtMs: number[];
let logged: string[];
let orphaned: boolean;
/** What the daemon does with a connection, or null if it is away. */
let daemon: ((listeners: Listeners) => void) | null;
let session: Session;

beforeEach(() => {
  [nowMs, timers, connectedAtMs, logged, orphaned] = [0, [], [], [], false];
  goBack = useTime({
    monotonicMs: () => nowMs,
    setTimeout: (run: () => void, delayMs: number) => after(delayMs, run),
    clearTimeout: (timer: unknown) => {
      timers = timers.filter((each) => each !== timer);
    },
    setImmediate: (run: () => void) => after(0, run),
  } as unknown as Time);
  const events: SessionEvents = {
    onConnected: () => {},
    onMessage: () => {},
    onLost: () => {},
    onTrouble: (why) => logged.push(why),
    onOrphaned: () => {
      orphaned = true;
    },
  };
  session = new Session(
    address,
    minute,
    () => 1,
    events,
    async () => {
      connectedAtMs.push(nowMs);
      const accept = daemon;
      if (accept === null) throw new Error("nobody listens");
      return {
        send: () => true,
        close: async () => {},
        listen: accept,
      } as unknown as SessionConnection;
    },
  );
});
afterEach(async () => {
  await session.close();
  goBack();
});

function after(delayMs: number, run: () => void) {
  const timer = { dueMs: nowMs + delayMs, run, unref: () => {} };
  timers.push(timer);
  return timer;
}

async function pass(ms: number): Promise<void> {
  const endMs = nowMs + ms;
  for (;;) {
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
    const [next] = timers.filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
    if (next === undefined) break;
    timers.splice(timers.indexOf(next), 1);
    nowMs = next.dueMs;
    next.run();
  }
  nowMs = endMs;
}

/** As gleanerd does when it cannot record the report that follows `ready`. */
const dropsAfter =
  (ms: number) =>
  ({ onMessage, onClose }: Listeners): void => {
    onMessage({ type: "foresee", inMs: null, reason: "" } as never);
    after(ms, () => onClose(undefined as never));
  };

test("an executor reconnects with backoff to a daemon that drops it, and logs the loss once", async () => {
  daemon = dropsAfter(5);
  session.start();
  await pass(minute);
  expect(connectedAtMs.length).toBeLessThan(40);
  expect(connectedAtMs.slice(0, 4)).toEqual([0, 105, 310, 715]);
  expect(logged).toEqual(["the daemon closed the connection"]);
  expect(orphaned).toBe(false);
});

test("an executor reconnects at once after a working connection, and logs the loss again", async () => {
  daemon = dropsAfter(5);
  session.start();
  await pass(minute);
  daemon = dropsAfter(minute);
  await pass(minute + 2_000);
  const lostAtMs = connectedAtMs.at(-2)! + minute;
  expect(connectedAtMs.at(-1)! - lostAtMs).toBe(100);
  expect(logged).toHaveLength(2);
});

test("an executor logs each reason once while the daemon is unreachable", async () => {
  daemon = dropsAfter(minute);
  session.start();
  await pass(1);
  daemon = null;
  await pass(2 * minute - 2);
  expect(logged).toEqual(["the daemon closed the connection", "nobody listens"]);
  expect(orphaned).toBe(false);
  await pass(2);
  expect(orphaned).toBe(true);
});
