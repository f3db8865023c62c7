// Placement of work that needs GPUs or counted resources: only where some are free, never more than
// exist, and nobody blocks it forever.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { place, type Slot } from "../../src/core/placement/placement.js";
import type { Waiting } from "../../src/core/placement/queue.js";
import { fits } from "../../src/model/resources.js";
import { gresWithout } from "../../src/model/slurm/gres-counts.js";
import { nowMs, placementPolicy as policy, queueOf, slot, waiting } from "../support/placing.js";

const slotWith = (name: string, cores: number, freeCores: number, gpus: number, freeGpus: number) =>
  slot(name, cores, { freeCores, freeMemoryMb: freeCores * 1_000, budgetGpus: gpus, freeGpus });
const assign = (all: readonly Waiting[], slots: readonly Slot[]) =>
  place(queueOf(all), slots, new Map(), nowMs, policy);

describe("GPUs", () => {
  test("are never assigned twice, and no usable GPU stays idle", () => {
    const someWaiting = fc.array(fc.nat(3), { maxLength: 20 });
    const someSlots = fc.array(fc.tuple(fc.nat(8), fc.nat(4)), { maxLength: 5 });
    fc.assert(
      fc.property(someWaiting, someSlots, (wanted, free) => {
        const all = wanted.map((gpus, index) => waiting(index + 1, { gpus }));
        const slots = free.map(([cores, gpus], index) => slotWith(`x${index}`, 8, cores, 4, gpus));
        const assignments = assign(all, slots);
        const left = new Map(slots.map((each) => [each.executor, { ...each }]));
        for (const { invocation, executor } of assignments) {
          const place = left.get(executor)! as { freeCores: number; freeGpus: number };
          place.freeCores -= 1;
          place.freeGpus -= all.find((each) => each.id === invocation)!.gpus!;
          expect(Math.min(place.freeCores, place.freeGpus)).toBeGreaterThanOrEqual(0);
        }
        const placed = new Set(assignments.map(({ invocation }) => invocation));
        for (const each of all)
          if (!placed.has(each.id))
            for (const place of left.values())
              expect(place.freeCores >= 1 && place.freeGpus! >= each.gpus!).toBe(false);
      }),
    );
  });

  test("reserves an executor for a starving GPU request, although cores are free elsewhere", () => {
    const starved = waiting(1, { cores: 2, gpus: 1, submittedAtMs: 0 });
    const narrow = [2, 3, 4].map((id) => waiting(id, { user: "bob" }));
    const slots = [slotWith("gpu", 4, 1, 1, 0), slotWith("plain", 4, 2, 0, 0)];
    expect(assign([starved, ...narrow], slots).map((each) => each.executor)).toEqual([
      "plain",
      "plain",
    ]);
  });
});

test("counted resources are never assigned twice, and none that suits somebody stays idle", () => {
  const amounts = fc.record({ nvme: fc.nat(3), tape: fc.nat(2) });
  const someSlots = fc.array(fc.tuple(fc.nat(8), amounts), { maxLength: 5 });
  const wanted = fc.array(fc.option(amounts, { nil: undefined }), { maxLength: 20 });
  fc.assert(
    fc.property(wanted, someSlots, (needs, free) => {
      const all = needs.map((gres, index) => waiting(index + 1, { where: gres && { gres } }));
      const slots = free.map(([cores, gres], index) =>
        slot(`x${index}`, 8, { freeCores: cores, budgetGres: gres, freeGres: gres }),
      );
      const left = new Map(
        free.map(([cores, gres], index) => [
          slots[index]!.executor,
          { cores, memoryMb: 8_000, gpus: [], gres },
        ]),
      );
      const assignments = assign(all, slots);
      for (const { invocation, executor } of assignments) {
        const place = left.get(executor)!;
        const gres = all.find((each) => each.id === invocation)!.where?.gres;
        expect(fits({ cores: 1, memoryMb: 0, gpus: 0, gres }, place)).toBe(true);
        place.cores -= 1;
        place.gres = gresWithout(place.gres, gres) as typeof place.gres;
      }
      const placed = new Set(assignments.map(({ invocation }) => invocation));
      for (const { id, where } of all.filter((each) => !placed.has(each.id)))
        for (const place of left.values())
          expect([id, fits({ cores: 1, memoryMb: 0, gpus: 0, gres: where?.gres }, place)]).toEqual([
            id,
            false,
          ]);
    }),
  );
});
