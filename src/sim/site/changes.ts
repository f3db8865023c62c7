// What jobs and outages take from nodes and return, in order of time.

import type { ShareList } from "./shares.js";

/**
 * Begins and ends on nodes in order of time; at the same moment ends come first, so that a job may
 * use what another returns. Columns, not objects: a large site has millions.
 */
export class Changes {
  private constructor(
    readonly length: number,
    private readonly times: Float64Array,
    private readonly nodes: Int32Array,
    /** Positive: a job begins and takes them; negative: it ended. */
    private readonly coreDeltas: Int32Array,
    private readonly memoryDeltas: Float64Array,
    private readonly outages: Uint8Array,
  ) {}

  atMs(index: number): number {
    return this.times[index]!;
  }
  node(index: number): number {
    return this.nodes[index]!;
  }
  cores(index: number): number {
    return this.coreDeltas[index]!;
  }
  memoryMb(index: number): number {
    return this.memoryDeltas[index]!;
  }
  /** Whether an outage of the whole node begins or ends. */
  isOutage(index: number): boolean {
    return this.outages[index] === 1;
  }

  /** From a copy that was sent between threads, which has no methods. */
  static copied(copy: Changes): Changes {
    const { length, times, nodes, coreDeltas, memoryDeltas, outages } = copy;
    return new Changes(length, times, nodes, coreDeltas, memoryDeltas, outages);
  }

  /** Those of some nodes, which get the places that `placeOf` says; null omits a node. */
  onNodes(placeOf: (node: number) => number | null): Changes {
    const kept: number[] = [];
    for (let index = 0; index < this.length; index++)
      if (placeOf(this.nodes[index]!) !== null) kept.push(index);
    return new Changes(
      kept.length,
      Float64Array.from(kept, (index) => this.times[index]!),
      Int32Array.from(kept, (index) => placeOf(this.nodes[index]!)!),
      Int32Array.from(kept, (index) => this.coreDeltas[index]!),
      Float64Array.from(kept, (index) => this.memoryDeltas[index]!),
      Uint8Array.from(kept, (index) => this.outages[index]!),
    );
  }

  /** Those in [fromMs, toMs); what is taken at its begin is taken there, once for each node. */
  within(fromMs: number, toMs: number): Changes {
    const held = new Map<string, { node: number; isOutage: number; cores: number; mb: number }>();
    const kept: number[] = [];
    for (let index = 0; index < this.length && this.times[index]! < toMs; index++) {
      if (this.times[index]! > fromMs) {
        kept.push(index);
        continue;
      }
      const [node, isOutage] = [this.nodes[index]!, this.outages[index]!];
      const key = `${node} ${isOutage}`;
      const before = held.get(key) ?? { node, isOutage, cores: 0, mb: 0 };
      before.cores += this.coreDeltas[index]!;
      before.mb += this.memoryDeltas[index]!;
      held.set(key, before);
    }
    const first = [...held.values()].filter(({ cores }) => cores > 0);
    return new Changes(
      first.length + kept.length,
      Float64Array.from([...first.map(() => fromMs), ...kept.map((index) => this.times[index]!)]),
      Int32Array.from([...first.map(({ node }) => node), ...kept.map((at) => this.nodes[at]!)]),
      Int32Array.from([
        ...first.map((each) => each.cores),
        ...kept.map((at) => this.coreDeltas[at]!),
      ]),
      Float64Array.from([
        ...first.map(({ mb }) => mb),
        ...kept.map((at) => this.memoryDeltas[at]!),
      ]),
      Uint8Array.from([
        ...first.map((each) => each.isOutage),
        ...kept.map((at) => this.outages[at]!),
      ]),
    );
  }

  /** Merges both in order; at the same moment ends come first. */
  with(others: Changes): Changes {
    const length = this.length + others.length;
    const times = new Float64Array(length);
    const nodes = new Int32Array(length);
    const cores = new Int32Array(length);
    const memory = new Float64Array(length);
    const outages = new Uint8Array(length);
    let mine = 0;
    for (let place = 0, theirs = 0; place < length; place++) {
      const isMine =
        theirs === others.length || (mine < this.length && this.isBefore(mine, others, theirs));
      const from = isMine ? this : others;
      const index = isMine ? mine++ : theirs++;
      times[place] = from.atMs(index);
      nodes[place] = from.node(index);
      cores[place] = from.cores(index);
      memory[place] = from.memoryMb(index);
      outages[place] = from.isOutage(index) ? 1 : 0;
    }
    return new Changes(length, times, nodes, cores, memory, outages);
  }

  private isBefore(mine: number, others: Changes, theirs: number): boolean {
    const laterMs = this.atMs(mine) - others.atMs(theirs);
    return laterMs < 0 || (laterMs === 0 && (this.cores(mine) < 0 || others.cores(theirs) > 0));
  }

  static of(shares: ShareList): Changes {
    const count = shares.length * 2;
    const order = new Uint32Array(count);
    for (let index = 0; index < count; index++) order[index] = index;
    // An even index is a begin, an odd one the end of the same share.
    const time = (index: number) =>
      index % 2 === 0 ? shares.fromMs(index >> 1) : shares.toMs(index >> 1);
    order.sort((a, b) => time(a) - time(b) || (b % 2) - (a % 2) || a - b);
    const times = new Float64Array(count);
    const nodes = new Int32Array(count);
    const cores = new Int32Array(count);
    const memory = new Float64Array(count);
    const outages = new Uint8Array(count);
    for (let place = 0; place < count; place++) {
      const index = order[place]!;
      const sign = index % 2 === 0 ? 1 : -1;
      times[place] = time(index);
      nodes[place] = shares.node(index >> 1);
      cores[place] = sign * shares.cores(index >> 1);
      memory[place] = sign * shares.memoryMb(index >> 1);
      outages[place] = shares.isOutage(index >> 1) ? 1 : 0;
    }
    return new Changes(count, times, nodes, cores, memory, outages);
  }
}
