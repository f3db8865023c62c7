// An executor that leaves: what it says and does, and in which order.

import { beforeEach, expect, test } from "@jest/globals";
import type { Running } from "../../../src/executor/attempts/attempt.js";
import { Departure, type LeavingParts } from "../../../src/executor/departure.js";

const noMemory = "its node has no memory left";
let steps: string[];
let running: Running[];
let departure: Departure;

beforeEach(() => {
  steps = [];
  running = [];
  departure = new Departure({
    attempts: {
      get running() {
        return running;
      },
      keys: [],
      ask: async () => {},
      evict: (_keys: unknown, reason: string) => {
        steps.push(`evict: ${reason}`);
        return { victims: [], ended: Promise.resolve([]) };
      },
    },
    orders: { giveAllBack: (reason: string) => steps.push(`give back: ${reason}`) },
    remover: { stop: async () => {} },
    spawner: { close: async () => {} },
    outbox: {
      emptied: async () => {},
      sayNow: ({ type, ...told }: { type: string; nodeIsFull?: boolean }) =>
        steps.push(told.nodeIsFull === true ? `${type}, full` : type),
    },
    onLeaving: () => {},
    gone: (reason: string) => steps.push(`gone: ${reason}`),
  } as unknown as LeavingParts);
});

const closed = ["departing, full", `give back: ${noMemory}`, `evict: ${noMemory}`];
const left = (reason: string) => [
  "departing",
  `give back: ${reason}`,
  `evict: ${reason}`,
  "leaving",
  `gone: ${reason}`,
];

test("gleanerd hears of it before the first attempt is given back", async () => {
  await departure.leave("it had no work for 10 s");
  await departure.leave("again");
  expect(steps).toEqual(left("it had no work for 10 s"));
});

test("on a node without memory it kills what runs, and waits for gleanerd to tell it to leave", async () => {
  expect(departure.told).toEqual({});
  departure.close();
  departure.close();
  departure.leaveIfDrained();
  expect(steps).toEqual(closed);
  expect(departure.mode).toBe("closed");
  expect(departure.told).toEqual({ leaving: noMemory, nodeIsFull: true });
  await departure.leave("told");
  expect(steps.slice(closed.length)).toEqual(left("told"));
});

test("on a node without memory it also leaves if gleanerd only drains it", async () => {
  departure.close();
  departure.drain("drained by ada");
  await new Promise((resolve) => setImmediate(resolve));
  expect(steps.at(-1)).toBe("gone: drained by ada");
});

test("on a node without memory it kills what it would let finish", () => {
  running = [{} as Running];
  departure.drain("drained by ada");
  departure.close();
  expect(steps.slice(1)).toEqual(closed);
  expect(departure.told).toEqual({ leaving: "drained by ada", nodeIsFull: true });
});
