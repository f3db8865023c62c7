// The daemon writes a node's condition when it changes, and only then.

import { expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Conditions } from "../../../../src/daemon/records/conditions.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { UnusableReason } from "../../../../src/model/capacity/hole.js";
import type { Plan } from "../../../../src/model/capacity/plan.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import type { ConditionChange } from "../../../../src/model/records/idle.js";
import { newState } from "../../../support/daemon/state.js";

const n1 = nodeName("n1");

function world() {
  const written: ConditionChange[] = [];
  const store = {
    saveConditions: async (changes: readonly ConditionChange[]) => void written.push(...changes),
  } as Pick<Store, "saveConditions"> as Store;
  const { events, registry } = newState();
  new Conditions(store, registry, events, 200, pino({ enabled: false }));
  const planApplied = (plan: Plan) => events.publish({ type: "planApplied", plan });
  const taken = () => written.splice(0).map(({ node, condition }) => [node, condition]);
  return { events, registry, planApplied, written, taken };
}

const plan = (reasons: Record<string, UnusableReason | null>): Plan => ({
  steps: [],
  madeFromMs: 1_000,
  holes: Object.keys(reasons)
    .filter((name) => reasons[name] === null)
    .map((name) => ({ node: nodeName(name) }) as Plan["holes"][number]),
  unusable: Object.keys(reasons)
    .filter((name) => reasons[name] !== null)
    .map((name) => ({ node: nodeName(name), reason: reasons[name]!, idleCores: 0 })),
});

test("a node's condition changes from full to a held hole, and back", () => {
  const { events, registry, planApplied, written, taken } = world();
  planApplied(plan({ n1: { kind: "full" } }));
  expect(written[0]).toEqual({ node: n1, condition: "full", fromMs: 1_000 });
  taken();
  planApplied(plan({ n1: { kind: "state", flag: "COMPLETING" } }));
  const record = new ExecutorRecord(executorId("e1"), n1, "n1", 0);
  registry.add(record);
  planApplied(plan({ n1: null }));
  record.become("starting");
  record.become("ready");
  events.publish({ type: "executorChanged", executor: record });
  record.line = { send: () => true, close: () => {} };
  events.publish({ type: "executorChanged", executor: record });
  planApplied(plan({ n1: null }));
  planApplied(plan({ n1: { kind: "tooShort", endsInMs: 201 } }));
  planApplied(plan({ n1: { kind: "tooShort", endsInMs: 200 } }));
  expect(taken()).toEqual([
    ["n1", "completing"],
    ["n1", "starting"],
    ["n1", "ready"],
    ["n1", "tooShort"],
    ["n1", "vacated"],
  ]);
});

test("a node that Slurm no longer lists is forgotten", () => {
  const { events, planApplied, taken } = world();
  const executor = new ExecutorRecord(executorId("e1"), n1, "n1", 0);
  planApplied(plan({ n1: null, n2: { kind: "drained", by: "root" } }));
  taken();
  planApplied(plan({ n2: { kind: "drained", by: "ada" } }));
  events.publish({ type: "executorChanged", executor });
  planApplied(plan({ n1: null, n2: { kind: "drained", by: "ada" } }));
  expect(taken()).toEqual([
    ["n1", null],
    ["n1", "starting"],
  ]);
});
