// How often each thing happens in a seed, beside the others.

import { Chance } from "./chance.js";

export const usual = {
  submit: 20,
  call: 14,
  map: 5,
  lease: 7,
  deploy: 6,
  changeFunction: 3,
  look: 4,
  tidyUp: 2,
  submitJob: 22,
  cancel: 4,
  changeLimit: 3,
  operate: 2,
  changeWeather: 10,
  killDaemon: 5,
  stopDaemon: 1,
  freezeDaemon: 2,
  hurtExecutor: 6,
  breakConnection: 4,
  loseNode: 1.5,
  drainInSlurm: 1.5,
  setClock: 1,
  nothing: 10,
  /** Half of all seeds have one from the beginning. */
  beginHabit: 0,
};
export type Act = keyof typeof usual;

/** What happens more often than usual, less, or never. */
export type Often = Readonly<Partial<Record<Act, number>>>;

/** Nothing fails and nobody operates. */
export const calm: Often = {
  changeWeather: 0,
  killDaemon: 0,
  stopDaemon: 0,
  freezeDaemon: 0,
  hurtExecutor: 0,
  breakConnection: 0,
  loseNode: 0,
  drainInSlurm: 0,
  operate: 0,
};

/**
 * Half of all seeds have the usual mix. In each other, a few acts are frequent and a few are
 * missing: some faults need one thing many times, or a long time without another. Drawn apart from
 * all else that the seed decides.
 */
export function mixOf(seed: number): Often {
  const chance = new Chance(~seed);
  if (chance.happens(0.5)) return {};
  const acts = Object.keys(usual) as Act[];
  const some = (most: number) =>
    Array.from({ length: chance.whole(1, most) }, () => chance.pick(acts));
  const missing = some(5).map((act) => [act, 0]);
  const frequent = some(4).map((act) => [act, chance.whole(2, 8) * Math.max(usual[act], 5)]);
  return Object.fromEntries([...missing, ...frequent]) as Often;
}
