// The workers that calls share which an earlier gleanerd ordered: each is held once, as before.

import type { Attempt } from "../../model/invocation.js";
import { foundWorker, type SharedPlace } from "../state/shared-place.js";

/** Workers of one executor are known by the calls for which they were opened. */
const nameOf = ({ executor, invocation, sharesWith }: Attempt): string =>
  `${executor}/${sharesWith ?? invocation}`;

export class RecoveredPlaces {
  private readonly places = new Map<string, SharedPlace>();

  constructor(running: Iterable<Attempt>) {
    for (const attempt of running)
      if (attempt.sharesWith !== null) this.places.set(nameOf(attempt), foundWorker());
  }

  /** null if nobody shares the place of this one. */
  of(attempt: Attempt): SharedPlace | null {
    return this.places.get(nameOf(attempt)) ?? null;
  }
}
