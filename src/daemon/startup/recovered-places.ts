// The workers that calls share which an earlier gleanerd ordered: each is held once, as before.

import type { InvocationId } from "../../model/ids.js";
import type { Attempt } from "../../model/invocation.js";
import { foundWorker, type SharedPlace } from "../state/shared-place.js";

export class RecoveredPlaces {
  private readonly places = new Map<string, SharedPlace>();

  constructor(private readonly running: ReadonlyMap<InvocationId, Attempt>) {
    for (const attempt of running.values())
      if (attempt.sharesWith !== null) this.places.set(this.nameOf(attempt), foundWorker());
  }

  /** null if nobody shares the place of this one. */
  of(attempt: Attempt): SharedPlace | null {
    return this.places.get(this.nameOf(attempt)) ?? null;
  }

  /** Workers of one executor are known by the calls for which they were opened. */
  private nameOf({ executor, invocation, sharesWith, startedMonotonicMs }: Attempt): string {
    const opener = this.running.get(sharesWith ?? invocation);
    // A later attempt of that call runs in a worker of its own.
    const isLater = (opener?.startedMonotonicMs ?? 0) > startedMonotonicMs;
    return `${executor}/${sharesWith ?? invocation}${isLater ? " before" : ""}`;
  }
}
