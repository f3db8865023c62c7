// Divides an amount that grows, such as time, among those that are there: each gets an equal part
// of what comes while it is there, so that the parts add up to all that came while anybody was.

export interface Stay {
  /** What one that had always been there would have got by then. */
  readonly before: number;
  /** How many had come by then, itself included. */
  readonly arrivals: number;
  readonly foundOthers: boolean;
}

export class EqualParts {
  private present = 0;
  private arrivals = 0;
  private perHead = 0;
  private reached = 0;
  private isStopped = false;

  /** `at`: the amount now. */
  enter(at: number): Stay {
    this.advance(at);
    const foundOthers = this.present > 0;
    this.present++;
    this.arrivals++;
    return { before: this.perHead, arrivals: this.arrivals, foundOthers };
  }

  /** Returns its part, and whether others were there meanwhile. */
  leave({ before, arrivals, foundOthers }: Stay, at: number): { part: number; shared: boolean } {
    this.advance(at);
    this.present--;
    return { part: this.perHead - before, shared: foundOthers || this.arrivals > arrivals };
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

  private advance(at: number): void {
    if (this.present > 0 && !this.isStopped) this.perHead += (at - this.reached) / this.present;
    this.reached = at;
  }
}
