// What a seed decides in the simulated world: whether, how many, how long, which.

import { type Random, seeded } from "../../src/sim/random.js";

export class Chance {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = seeded(seed);
    // Seeds that follow each other begin alike with this generator.
    for (let skip = 0; skip < 8; skip++) this.random();
  }

  /** From 0 to 1. */
  readonly share = (): number => this.random();

  happens(probability: number): boolean {
    return this.random() < probability;
  }

  /** Whole, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  /** Milliseconds with a fraction. */
  ms(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  /** As pick, of `[weight, item]`. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let left = this.random() * from.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of from) {
      left -= weight;
      if (left < 0) return item;
    }
    return from.at(-1)![1];
  }
}
