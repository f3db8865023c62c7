// Counts the times between two uses of a function's worker in bins of equal ratio.

/** A sixteenth of an octave per bin: an idle time is known to 4 %. */
const binsPerOctave = 16;
const firstEdgeMs = 1_000;
/** From 1 s to 2^18 s, three days: the first bin is below, the last one beyond. */
export const binCount = 18 * binsPerOctave + 2;
/** At these numbers the counts are halved, so that a function that changed is learned again. */
const maxObservations = 100;
const maxTimes = 32_000;
/** Fewer than this say nothing about the next one. */
const minimumObservations = 3;
/**
 * The coefficient of variation of the bins' counts below which they are too even to say when the
 * next call comes, as in "Serverless in the Wild" (Shahrad et al., ATC 2020).
 */
const leastVariation = 2;

/** Where each bin begins; the last one has no end. */
export const edgeMs = (bin: number): number =>
  bin <= 0 ? 0 : bin >= binCount ? Number.POSITIVE_INFINITY : edges[bin]!;

const edges: readonly number[] = Array.from({ length: binCount }, (_, bin) =>
  bin === 0 ? 0 : firstEdgeMs * 2 ** ((bin - 1) / binsPerOctave),
);

export function binOf(idleMs: number): number {
  if (!(idleMs >= firstEdgeMs)) return 0;
  const octaves = Math.log2(idleMs / firstEdgeMs);
  const bin = Math.min(binCount - 1, Math.floor(octaves * binsPerOctave) + 1);
  // Corrects an idle time that rounding put beyond its bin's edge.
  if (idleMs < edgeMs(bin)) return bin - 1;
  return bin + 1 < binCount && idleMs >= edgeMs(bin + 1) ? bin + 1 : bin;
}

export class IdleTimes {
  private readonly counts = new Uint16Array(binCount);
  private sum = 0;
  private independent = 0;

  /** The number of idle times. */
  get total(): number {
    return this.sum;
  }

  /** The number of independent observations: those of workers that waited together are one. */
  get observations(): number {
    return this.independent;
  }

  /** `isIndependent` is false if an idle time that overlaps this one was added before. */
  add(idleMs: number, isIndependent = true): void {
    this.counts[binOf(idleMs)]! += 1;
    this.sum += 1;
    if (isIndependent || this.independent === 0) this.independent += 1;
    if (this.independent >= maxObservations || this.sum >= maxTimes) this.halve();
  }

  countOf(bin: number): number {
    return this.counts[bin]!;
  }

  /** Whether enough is known, and it is not spread over all lengths alike. */
  isRepresentative(): boolean {
    return this.independent >= minimumObservations && this.variation() >= leastVariation;
  }

  /**
   * Half of the idle times that lasted longer than `idleMs` ended by this length: a bin's upper
   * edge, infinity if beyond the range. Returns null if none lasted longer.
   */
  medianBeyondMs(idleMs: number): number | null {
    const first = binOf(idleMs);
    let left = 0;
    for (let bin = first; bin < binCount; bin++) left += this.counts[bin]!;
    if (left === 0) return null;
    let half = left / 2;
    for (let bin = first; bin < binCount; bin++) {
      half -= this.counts[bin]!;
      if (half <= 0) return edgeMs(bin + 1);
    }
    return null;
  }

  private variation(): number {
    const mean = this.sum / binCount;
    let squares = 0;
    for (const count of this.counts) squares += (count - mean) ** 2;
    return Math.sqrt(squares / binCount) / mean;
  }

  private halve(): void {
    this.sum = 0;
    for (const bin of this.counts.keys()) {
      this.counts[bin] = this.counts[bin]! >> 1;
      this.sum += this.counts[bin]!;
    }
    this.independent = Math.min(this.sum, this.independent >> 1);
  }

  /** The number of observations, then pairs of bin and count. */
  plain(): number[] {
    const pairs = [...this.counts].flatMap((count, bin) => (count === 0 ? [] : [bin, count]));
    return [this.independent, ...pairs];
  }

  /** Throws a RangeError unless `plain` came from plain(). */
  static of(plain: unknown): IdleTimes {
    const times = new IdleTimes();
    const isWhole = (value: unknown, least: number, most: number): value is number =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    if (!Array.isArray(plain)) throw new RangeError("not a stored histogram of idle times");
    const [independent, ...pairs] = plain as unknown[];
    for (let at = 0; at < pairs.length; at += 2) {
      const [bin, count] = pairs.slice(at, at + 2);
      if (!isWhole(bin, 0, binCount - 1) || !isWhole(count, 1, maxTimes - 1))
        throw new RangeError("not a stored histogram of idle times");
      times.sum += count - times.counts[bin]!;
      times.counts[bin] = count;
    }
    const most = Math.min(times.sum, maxObservations - 1);
    if (!isWhole(independent, Math.min(1, times.sum), most) || times.sum >= maxTimes)
      throw new RangeError("not a stored histogram of idle times");
    times.independent = independent;
    return times;
  }
}
