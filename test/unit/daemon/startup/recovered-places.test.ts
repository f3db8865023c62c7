// Workers that calls shared under an earlier gleanerd: which of the calls on record were in one.

import { expect, test } from "@jest/globals";
import { RecoveredPlaces } from "../../../../src/daemon/startup/recovered-places.js";
import {
  closeOpenedFor,
  openWorker,
  placeWithSeat,
} from "../../../../src/daemon/state/shared-place.js";
import { executorId, type InvocationId, invocationId } from "../../../../src/model/ids.js";
import type { Attempt } from "../../../../src/model/invocation.js";
import { sampleAttempt } from "../../../support/store/samples.js";

const [opener, first, second, alone] = [1, 2, 3, 4].map(invocationId) as [
  InvocationId,
  InvocationId,
  InvocationId,
  InvocationId,
];

const began = (invocation: InvocationId, startedMonotonicMs: number, change = {}): Attempt => ({
  ...sampleAttempt(invocation),
  startedMonotonicMs,
  ...change,
});
const placesOf = (...attempts: Attempt[]) => {
  const places = new RecoveredPlaces(new Map(attempts.map((each) => [each.invocation, each])));
  return attempts.map((each) => places.of(each));
};

test("calls share the place of the call for which their worker was opened", () => {
  const [place, ofFirst, ofAlone] = placesOf(
    began(opener, 10),
    began(first, 20, { sharesWith: opener }),
    began(alone, 30),
  );
  expect(place).not.toBeNull();
  expect(ofFirst).toBe(place);
  expect(ofAlone).toBeNull();
});

test("calls stay together when that call has ended", () => {
  const sharesWith = opener;
  const [one, other] = placesOf(
    began(first, 20, { sharesWith }),
    began(second, 30, { sharesWith }),
  );
  expect(one).not.toBeNull();
  expect(other).toBe(one);
});

test("a later attempt of that call has another worker, which calls after it share", () => {
  const sharesWith = opener;
  const [ofFirst, again, ofSecond] = placesOf(
    began(first, 20, { sharesWith }),
    began(opener, 25, { number: 2 }),
    began(second, 30, { sharesWith }),
  );
  expect(ofFirst).not.toBeNull();
  expect(again).not.toBe(ofFirst);
  expect(ofSecond).toBe(again);
});

test("executors share nothing", () => {
  const elsewhere = { sharesWith: opener, executor: executorId("n2.2") };
  const [place, ofFirst] = placesOf(began(opener, 10), began(first, 20, elsewhere));
  expect(place).toBeNull();
  expect(ofFirst).not.toBeNull();
});

test("once a call opens another worker, its former one takes no further call", () => {
  const place = openWorker({ key: "k", seats: 2, openedFor: { invocation: opener, attempt: 1 } });
  const held = [{ invocation: first, place, waits: false }];
  expect(placeWithSeat(held, "k")).toBe(place);
  closeOpenedFor(held, second);
  expect(placeWithSeat(held, "k")).toBe(place);
  closeOpenedFor(held, opener);
  expect(placeWithSeat(held, "k")).toBeNull();
});
