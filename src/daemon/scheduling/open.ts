// What has not ended of a submission: an invocation or the tasks of an array.

import type { IdRange } from "../../core/ports/store.js";
import type { InvocationId } from "../../model/ids.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live, LiveSubmission } from "../state/live-invocation.js";

export interface OpenPart {
  readonly singles: readonly Live[];
  /** Those of its runs are among them. */
  readonly ids: IdRange;
}

/** null once all of it has ended. */
export const submissionOf = (live: LiveInvocations, id: InvocationId): LiveSubmission | null =>
  (live.hasArray(id) ? live.oneOf(id) : live.get(id))?.submission ?? null;

export function openOf(live: LiveInvocations, id: InvocationId): OpenPart {
  const tasks = live.tasksOf(id);
  if (tasks !== null) return { singles: [...tasks.singles], ids: tasks.ids };
  const single = live.get(id);
  return { singles: single === undefined ? [] : [single], ids: [id, id] };
}
