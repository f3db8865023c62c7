// Divides an amount that grows, such as time, among those that are there: each gets an equal part
// of what comes while it is there, so that the parts add up to all that came while anybody was.

export interface Stay {
  /** What one that had always been there would have got by then. */
  readonly before: number;
  /** How many had come by then, itself included. */
  readonly arrivals: number;
  readonly foundOthers: boolean;
}

/** What one that had always been there had got when the amount was `at`. */
interface Point {
  readonly at: number;
  readonly perHead: number;
}

/** Only what came between an end and the news of it lies behind that end. */
const maxPoints = 64;

export class EqualParts {
  private present = 0;
  private arrivals = 0;
  private perHead = 0;
  private reached = 0;
  private isStopped = false;
  /** The latest changes, the oldest first. */
  private readonly points: Point[] = [];

  /** `at`: the amount now. */
  enter(at: number): Stay {
    this.advance(at);
    const foundOthers = this.present > 0;
    this.present++;
    this.arrivals++;
    return { before: this.perHead, arrivals: this.arrivals, foundOthers };
  }

  /**
   * Returns its part, and whether others were there meanwhile. `at` may lie before the latest
   * change: others came after the end of all, which was not known yet.
   */
  leave({ before, arrivals, foundOthers }: Stay, at: number): { part: number; shared: boolean } {
    const perHead = at < this.reached ? this.perHeadAt(at) : this.advance(at);
    this.present--;
    const part = Math.max(0, perHead - before);
    return { part, shared: foundOthers || this.arrivals > arrivals };
  }

  /** What comes from now on is nobody's, until it is resumed. */
  stop(at: number): void {
    this.advance(at);
    this.isStopped = true;
  }

  resume(at: number): void {
    this.advance(at);
    this.isStopped = false;
  }

  private advance(at: number): number {
    if (this.present > 0 && !this.isStopped) this.perHead += (at - this.reached) / this.present;
    this.reached = at;
    this.points.push({ at, perHead: this.perHead });
    if (this.points.length > maxPoints) this.points.shift();
    return this.perHead;
  }

  /** Between two changes it grows evenly. */
  private perHeadAt(at: number): number {
    const next = this.points.findIndex((point) => point.at > at);
    const [from, to] = [this.points[next - 1], this.points[next]!];
    if (from === undefined) return to.perHead;
    return from.perHead + ((to.perHead - from.perHead) * (at - from.at)) / (to.at - from.at);
  }
}
