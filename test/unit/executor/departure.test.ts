// An executor that leaves: what it says and does, and in which order.

import { expect, test } from "@jest/globals";
import { Departure, type LeavingParts } from "../../../src/executor/departure.js";

test("gleanerd hears of it before the first attempt is given back", async () => {
  const steps: string[] = [];
  const departure = new Departure({
    attempts: {
      running: [],
      keys: [],
      evict: () => {
        steps.push("evict");
        return { victims: [], ended: Promise.resolve([]) };
      },
    },
    orders: { giveAllBack: () => steps.push("give back") },
    remover: { stop: async () => {} },
    spawner: { close: async () => {} },
    outbox: {
      emptied: async () => {},
      sayNow: ({ type }: { type: string }) => steps.push(type),
    },
    onLeaving: () => {},
    gone: () => steps.push("gone"),
  } as unknown as LeavingParts);
  await departure.leave("it had no work for 10 s");
  await departure.leave("again");
  expect(steps).toEqual(["departing", "give back", "evict", "leaving", "gone"]);
});
