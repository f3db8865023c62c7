// What a policy can reach at best that knows how long holes and functions usually last, and nothing of this hole and this call.

import type { Survival } from "../../core/forecast/survival.js";
import type { HoleKind } from "../../model/capacity/prediction.js";
import type { TracedCall } from "../work/demand.js";

/** Ages that the reckoning goes through. */
const steps = 1_000;
/** Prices tried: each gives a bound, the least is the answer. */
const rounds = 500;
/** Of a price's change in one round; it shrinks as rounds pass. */
const firstStride = 2;

interface FunctionWork {
  readonly durationsMs: readonly number[];
  /** Of all the work that is asked for. */
  readonly share: number;
  /** Calls that end within one step of age, and their time in all. */
  readonly briefs: number;
  readonly briefMs: number;
  /** Of that, for each of its other calls: it is run with them. */
  readonly besideMs: number;
}

interface Model {
  readonly functions: readonly FunctionWork[];
  readonly stepMs: number;
  /** By step: the probability that a hole comes to this age. */
  readonly alive: Float64Array;
  /** By function, step of age and call: the probability that a hole that was born lives to the call's end. */
  readonly chances: readonly Float64Array[];
}

/** What one core of a hole earns in the hole's life at given prices. */
interface Value {
  readonly atBirthMs: number;
  /** And what it finishes of each function on the way, in ms. */
  readonly finishedMs: readonly number[];
}

/**
 * An upper bound (to within a thousandth part of the ages) of the expected goodput of every policy that finishes the functions in
 * the proportion in which they are asked for, where holes close as `survival` says and calls last as the trace's did, each drawn
 * anew. Durations are known to it only by function, ends of holes only by age; a call runs through or is lost, as in the replay.
 *
 * By prices: let a finished millisecond of function f earn v_f >= 0, with the offered shares' weighted mean of the v_f at 1. A policy
 * that finishes every function at the rate g of the idle core-time earns at least g of it; and none earns more than the best
 * for these prices, which follows age by age from the oldest back. So each price vector gives a bound on g, and the least counts.
 */
export function statisticsCeiling(
  survival: Survival,
  kind: HoleKind,
  longestMs: number,
  calls: readonly TracedCall[],
): number {
  const model = modelOf(survival, kind, longestMs, calls);
  const { functions, alive, stepMs } = model;
  const idleMs =
    alive.reduce((sum, _, step) => sum + (step < steps ? meanOf(alive, step) : 0), 0) * stepMs;
  // Alone, each would have to be paid so much more than it loses.
  const prices = functions.map((_, index) => startPrice(model, index, idleMs));
  let least = 1;
  for (let round = 0; round < rounds; round++) {
    const mean = functions.reduce((sum, { share }, index) => sum + share * prices[index]!, 0);
    for (const index of prices.keys()) prices[index]! /= mean;
    const { atBirthMs, finishedMs } = bestValue(model, prices);
    least = Math.min(least, atBirthMs / idleMs);
    // What lags behind its share is paid more; by little what is little, since a price too high for one is too high for all.
    const all = finishedMs.reduce((sum, each) => sum + each, 0);
    const stride = firstStride / Math.sqrt(round + 1);
    for (const [index, { share }] of functions.entries())
      prices[index] = Math.max(0, prices[index]! + stride * (share - finishedMs[index]! / all));
  }
  return least;
}

function startPrice(model: Model, index: number, idleMs: number): number {
  const alone = model.functions.map((_, other) => (other === index ? 1 : 0));
  return idleMs / bestValue(model, alone).atBirthMs;
}

function modelOf(
  survival: Survival,
  kind: HoleKind,
  longestMs: number,
  calls: readonly TracedCall[],
): Model {
  const stepMs = Math.max(1, longestMs / steps);
  const lives = (ms: number) => survival.survivalProbability(kind, 0, ms);
  const functions = functionsOf(calls, stepMs);
  const chances = functions.map(({ durationsMs, besideMs }) =>
    Float64Array.from({ length: steps * durationsMs.length }, (_, index) => {
      const durationMs = durationsMs[index % durationsMs.length]!;
      return lives(Math.floor(index / durationsMs.length) * stepMs + durationMs + besideMs);
    }),
  );
  const alive = Float64Array.from({ length: steps + 1 }, (_, step) => lives(step * stepMs));
  return { functions, stepMs, alive, chances };
}

function functionsOf(calls: readonly TracedCall[], stepMs: number): FunctionWork[] {
  const durations = new Map<string, number[]>();
  for (const { functionName, durationMs } of calls) {
    const known = durations.get(functionName);
    if (known === undefined) durations.set(functionName, [durationMs]);
    else known.push(durationMs);
  }
  const all = calls.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);
  return [...durations.values()].map((durationsMs) => {
    const briefs = durationsMs.filter((each) => each < stepMs);
    const briefMs = sum(briefs);
    const others = durationsMs.length - briefs.length;
    return {
      durationsMs,
      share: sum(durationsMs) / all,
      briefs: briefs.length,
      briefMs,
      besideMs: others === 0 ? 0 : briefMs / others,
    };
  });
}

/** From the oldest age back: what each is worth, and which function should begin there. */
function bestValue(model: Model, prices: readonly number[]): Value {
  // What is still to be earned from an age on, by a hole that was born; beyond the last age there is nothing.
  const worth = new Float64Array(steps + 2);
  const choice = new Int32Array(steps);
  for (let step = steps - 1; step >= 0; step--) {
    worth[step] = -1;
    for (const index of model.functions.keys()) {
      const each = worthOf(model, index, prices[index]!, worth, step);
      if (each <= worth[step]!) continue;
      worth[step] = each;
      choice[step] = index;
    }
  }
  return { atBirthMs: worth[0]!, finishedMs: finishedBy(model, choice) };
}

/** What it is worth to begin this function at this age. */
function worthOf(
  { functions, chances, alive, stepMs }: Model,
  index: number,
  price: number,
  worth: Float64Array,
  step: number,
): number {
  const { durationsMs, briefs, briefMs } = functions[index]!;
  const count = durationsMs.length;
  if (briefs === count) return price * meanOf(alive, step) * stepMs + worth[step + 1]!;
  let sum = 0;
  for (let call = 0; call < count; call++) {
    const durationMs = durationsMs[call]!;
    if (durationMs < stepMs) continue;
    const { after, part } = endOf(functions[index]!, step, durationMs, stepMs);
    const later = (1 - part) * worth[after]! + part * worth[after + 1]!;
    sum += chances[index]![step * count + call]! * price * durationMs + later;
  }
  return (sum + price * briefMs * alive[step]!) / (count - briefs);
}

/** The step in which a call ends, and which part of that step has gone by then. */
function endOf(
  { besideMs }: FunctionWork,
  step: number,
  durationMs: number,
  stepMs: number,
): { after: number; part: number } {
  const end = step + (durationMs + besideMs) / stepMs;
  const after = Math.min(steps, Math.floor(end));
  return { after, part: Math.min(1, end - after) };
}

/** What a core finishes of each function in the life of a hole, when at each age it begins what was chosen. */
function finishedBy({ functions, chances, alive, stepMs }: Model, choice: Int32Array): number[] {
  const finishedMs = functions.map(() => 0);
  const begins = new Float64Array(steps + 2);
  begins[0] = 1;
  for (let step = 0; step < steps; step++) {
    const index = choice[step]!;
    const { durationsMs, briefs, briefMs } = functions[index]!;
    const count = durationsMs.length;
    if (briefs === count) {
      finishedMs[index]! += begins[step]! * meanOf(alive, step) * stepMs;
      begins[step + 1]! += begins[step]!;
      continue;
    }
    const each = begins[step]! / (count - briefs);
    finishedMs[index]! += each * briefMs * alive[step]!;
    for (let call = 0; call < count; call++) {
      const durationMs = durationsMs[call]!;
      if (durationMs < stepMs) continue;
      finishedMs[index]! += each * chances[index]![step * count + call]! * durationMs;
      const { after, part } = endOf(functions[index]!, step, durationMs, stepMs);
      begins[after]! += each * (1 - part);
      begins[after + 1]! += each * part;
    }
  }
  return finishedMs;
}

const meanOf = (alive: Float64Array, step: number): number => (alive[step]! + alive[step + 1]!) / 2;
