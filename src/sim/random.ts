// Random numbers determined by a seed: the same seed gives the same replay.

export type Random = () => number;

/**
 * Uniform in [0, 1), 32 bits per step (mulberry32): good enough for start-up times and arrivals,
 * and fast.
 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Exponentially distributed with this mean, above zero. */
export const exponential = (random: Random, mean: number): number => -Math.log(1 - random()) * mean;

/** Standard normal, by the Box-Muller transform. */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
