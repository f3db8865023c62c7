// The best result of a policy that knows how long holes and functions usually last, but nothing
// about this hole and this call.

import type { Survival } from "../../core/forecast/survival.js";
import type { HoleKind } from "../../model/capacity/prediction.js";
import type { TracedCall } from "../work/demand.js";

/** Steps of age in the calculation. */
const steps = 1_000;
/** Prices tried: each gives a bound, and the lowest is the result. */
const rounds = 500;
/** The stride of a price's change in one round; it shrinks with each round. */
const firstStride = 2;

interface FunctionWork {
  readonly durationsMs: readonly number[];
  /** The share of all requested work. */
  readonly share: number;
  /** Calls that end within one step of age, and their total time. */
  readonly briefs: number;
  readonly briefMs: number;
  /** The time of brief calls for each other call, with which they are counted. */
  readonly besideMs: number;
}

interface Model {
  readonly functions: readonly FunctionWork[];
  readonly stepMs: number;
  /** The probability that a hole reaches this age, by step. */
  readonly alive: Float64Array;
  /** The probability that a new hole lives to the call's end, by function, step of age and call. */
  readonly chances: readonly Float64Array[];
}

/** What one core of a hole earns in the hole's life at given prices. */
interface Value {
  readonly atBirthMs: number;
  /** The time that it finishes of each function meanwhile, in ms. */
  readonly finishedMs: readonly number[];
}

/**
 * An upper bound (to within a thousandth of the ages) on the expected goodput of every policy that
 * finishes the functions in the requested proportion, if holes close according to `survival` and
 * calls last as long as the trace's, each drawn independently. Such a policy knows durations only
 * by function and the ends of holes only by age; a call completes or is lost, as in the replay.
 *
 * The method is pricing: let a finished millisecond of function f earn v_f >= 0, with the mean of
 * the v_f, weighted by the offered shares, at 1. A policy that finishes every function at the rate
 * g of the idle core-time earns at least g of it, and none earns more than the optimum for these
 * prices, which is calculated age by age from the oldest back. So each price vector gives a bound
 * on g, and the lowest is the result.
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
  // Alone, each function would have to be paid as much more as it loses.
  const prices = functions.map((_, index) => startPrice(model, index, idleMs));
  let least = 1;
  for (let round = 0; round < rounds; round++) {
    const mean = functions.reduce((sum, { share }, index) => sum + share * prices[index]!, 0);
    for (const index of prices.keys()) prices[index]! /= mean;
    const { atBirthMs, finishedMs } = bestValue(model, prices);
    least = Math.min(least, atBirthMs / idleMs);
    // Raises the price of functions that lag behind their share; by little for small ones, because
    // a price that is too high for one raises the bound for all.
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

/** From the oldest age back: the value of each age, and the function to begin there. */
function bestValue(model: Model, prices: readonly number[]): Value {
  // What a new hole will still earn from an age on; beyond the last age there is nothing.
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

/** The value of beginning this function at this age. */
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

/** The step in which a call ends, and the part of that step that has passed by then. */
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

/**
 * How much of each function a core finishes in the life of a hole, if it begins the chosen one at
 * each age.
 */
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
