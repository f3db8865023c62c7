// A worker whose call had answered when everything was frozen beside a new job.

import { afterEach, expect, test } from "@jest/globals";
import type { Worker } from "../../../../src/executor/workers/worker.js";
import { Workers } from "../../../../src/executor/workers/workers.js";
import { nothing } from "../../../../src/model/resources.js";
import type { CallAttemptOrder } from "../../../../src/wire/messages.js";

const frozen: boolean[] = [];
let end = () => {};
const workers = new Workers(
  (_order, _kind, _free, { onGone }) => {
    end = onGone;
    const group = { freeze: (isOn: boolean) => void frozen.push(isOn), remove: () => true };
    return {
      ...{ opened: { group, gpus: [] }, isReady: true, isLeaving: false, seats: 1 },
      ...{ idleTimeoutMs: null, run: () => ({}), kill: () => {} },
    } as unknown as Worker;
  },
  () => {},
);
afterEach(() => end());

test("it goes on with its next call, however soon that comes", () => {
  const order = {
    ...{ invocation: 1, attempt: 1, uid: 1_000, cores: 1, memoryMb: 100, gpus: 0 },
    command: { kind: "call", version: "v", settings: { concurrency: 1 } },
  } as unknown as CallAttemptOrder;
  const events = { onStarted: () => {}, onEnd: () => {} };
  const place = workers.prepare(order, { ...nothing, cores: 1, memoryMb: 100 });
  place.start(events);
  place.group.freeze(true);
  place.release(false, true);
  workers.prepare(order, nothing).start(events);
  expect(frozen).toEqual([true, false]);
});
