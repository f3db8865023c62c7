// The ledger follows from the attempts, whatever is submitted, begun, ended, ended late or twice,
// in whatever groups.

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isCharged } from "../../src/core/accounting/metering.js";
import type { Store } from "../../src/core/ports/store.js";
import { type InvocationId, invocationId } from "../../src/model/ids.js";
import {
  attemptEnds,
  type InvocationState,
  invocationTransitions,
} from "../../src/model/invocation.js";
import { mayBecome } from "../../src/model/machine.js";
import { sampleAttempt, sampleRequest, sampleResult } from "../support/store/samples.js";
import { makeStoreFolder, type StoreFolder } from "../support/store/store.js";

let folder: StoreFolder;
let store: Store;
beforeAll(async () => {
  folder = await makeStoreFolder();
  store = await folder.open(folder.newFile());
});
afterAll(() => folder.remove());

/** Numbers pick one of what the run submitted; attempts are taken as they come, also wrong ones. */
const step = fc.oneof(
  fc.record({
    do: fc.constant("submit" as const),
    request: fc.nat(3),
    tasks: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    do: fc.constant("begin" as const),
    pick: fc.nat(),
    attempt: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ do: fc.constant("beginNext" as const), pick: fc.nat() }),
  fc.record({
    do: fc.constant("end" as const),
    pick: fc.nat(),
    attempt: fc.integer({ min: 1, max: 4 }),
    end: fc.constantFrom(...attemptEnds),
    wallMs: fc.nat(10_000_000),
    cpuMs: fc.nat(30_000_000),
    /** Of a lease. */
    hotMs: fc.option(fc.nat(30_000_000)),
  }),
  fc.record({ do: fc.constant("endPending" as const), pick: fc.nat() }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What the store must hold, kept by the plainest means. */
interface Expected {
  state: InvocationState;
  attempt: number;
  readonly billedWallMs: number[];
}

class Model {
  readonly invocations = new Map<InvocationId, Expected>();
  readonly requests = new Map<number, readonly InvocationId[]>();

  pick(pick: number): InvocationId | undefined {
    return [...this.invocations.keys()][pick % Math.max(1, this.invocations.size)];
  }

  go(id: InvocationId, to: InvocationState): void {
    const expected = this.invocations.get(id)!;
    expect(mayBecome(invocationTransitions, expected.state, to)).toBe(true);
    expected.state = to;
  }
}

let runs = 0;

/** Posts one step to the store at once; checks its answer against the model when it comes. */
function take(each: Step, model: Model, user: string): Promise<void> {
  if (each.do === "submit") {
    const tasks = each.tasks === 0 ? null : Array.from({ length: each.tasks }, (_, index) => index);
    return store
      .submit(sampleRequest(`${user}-${each.request}`, { uid: runs, user, tasks }))
      .then(({ id: first, tasks: count }) => {
        const ids = Array.from({ length: count }, (_, at) => invocationId(first + at));
        const earlier = model.requests.get(each.request);
        if (earlier !== undefined) {
          expect(ids).toEqual(earlier);
          return;
        }
        model.requests.set(each.request, ids);
        for (const id of ids)
          model.invocations.set(id, { state: "PENDING", attempt: 0, billedWallMs: [] });
      });
  }
  const id = model.pick(each.pick) ?? invocationId(1_000_000_000);
  if (each.do === "endPending")
    return store.endPending([[id, id]], "CANCELLED", "cancelled", 5_000).then((done) => {
      expect(done).toBe(model.invocations.get(id)?.state === "PENDING" ? 1 : 0);
      if (done === 1) model.go(id, "CANCELLED");
    });
  if (each.do === "end") {
    const { attempt, end, wallMs, cpuMs, hotMs } = each;
    const result = sampleResult(id, attempt, end, { uid: runs, user, wallMs, cpuMs, hotMs });
    return store.endAttempt(result).then((done) => {
      const expected = model.invocations.get(id);
      expect(done).toBe(expected?.state === "RUNNING" && expected.attempt === attempt);
      if (!done) return;
      model.go(id, result.next);
      if (isCharged(end, each)) expected!.billedWallMs.push(wallMs);
      expect(result.postings.reduce((sum, { coreMs }) => sum + coreMs, 0)).toBe(
        isCharged(end, each) ? 2 * wallMs : 0,
      );
    });
  }
  const attempt =
    each.do === "begin" ? each.attempt : (model.invocations.get(id)?.attempt ?? 0) + 1;
  return store.beginAttempt(sampleAttempt(id, attempt)).then(
    () => {
      expect(attempt).toBe(model.invocations.get(id)!.attempt + 1);
      model.go(id, "RUNNING");
      model.invocations.get(id)!.attempt = attempt;
    },
    () => {
      const expected = model.invocations.get(id);
      expect(expected?.state === "PENDING" && expected.attempt + 1 === attempt).toBe(false);
    },
  );
}

test("the ledger balances, and each core-millisecond is billed once", async () => {
  await fc.assert(
    // The steps of one inner list are posted in one turn: they share a commit.
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }),
      async (turns) => {
        const user = `user${++runs}`;
        const model = new Model();
        for (const turn of turns) await Promise.all(turn.map((each) => take(each, model, user)));
        const found = await store.listInvocations({ uid: runs, limit: 1_000 });
        expect(found.map(({ id, state, attempt }) => [id, state, attempt])).toEqual(
          [...model.invocations].map(([id, { state, attempt }]) => [id, state, attempt]),
        );
        const billed = [...model.invocations.values()].map(({ billedWallMs }) => billedWallMs);
        const wallMs = billed.flat().reduce((sum, each) => sum + each, 0);
        const [line] = await store.bill({ uid: runs });
        expect([line?.attempts ?? 0, line?.coreMs ?? 0, line?.memoryMbMs ?? 0]).toEqual([
          billed.flat().length,
          2 * wallMs,
          500 * wallMs,
        ]);
        expect(await store.verifyLedger()).toMatchObject({ balanced: true, differences: [] });
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);
