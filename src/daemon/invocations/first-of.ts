// Finds what an id as users write it stands for: 42, or 42_7.

import type { Store } from "../../core/ports/store.js";
import { invocationId } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";

/** The first invocation of an id; null if there is none. */
export async function firstOf(
  store: Pick<Store, "listInvocations">,
  of: string,
): Promise<Invocation | null> {
  const [job, task] = of.split("_").map(Number);
  const arrayJobId = invocationId(job!);
  const ofTask = task === undefined ? {} : { arrayTaskId: task };
  const [found] = await store.listInvocations({ arrayJobId, ...ofTask, limit: 1 });
  if (found !== undefined || task !== undefined) return found ?? null;
  const [single] = await store.listInvocations({ ids: [arrayJobId], limit: 1 });
  return single ?? null;
}
