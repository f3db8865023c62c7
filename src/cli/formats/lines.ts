// The lines of a queue: an invocation, or tasks of an array that wait, folded as squeue folds them.

import { displayId, type Invocation } from "../../model/invocation.js";
import type { InvocationList } from "../../sdk/index.js";
import { formatNumbers } from "../values.js";
import type { Line } from "./squeue.js";

type Listed = InvocationList["invocations"][number];

export const single = (invocation: Invocation): Line => ({
  first: invocation,
  id: displayId(invocation),
});

/** Groups the pending tasks of an array as squeue does: `42_[3-7,9%2]`, at its first task. */
export function condensed(invocations: readonly Listed[]): Line[] {
  const groups = new Map<string, Listed[]>();
  for (const each of invocations) {
    const waits = each.state === "PENDING" && each.arrayJobId !== null;
    const key = waits ? `${each.arrayJobId} ${each.reason}` : `task ${each.id}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!;
    if (group.length === 1 && first.run === undefined) return single(first);
    const tasks = group.flatMap(tasksOf).sort((a, b) => a - b);
    const most = first.mostRunning === undefined ? "" : `%${first.mostRunning}`;
    return { first, id: `${first.arrayJobId}_[${formatNumbers(tasks)}${most}]` };
  });
}

/** The numbers of an entry: gleanerd lists tasks that wait together as one. */
function tasksOf({ arrayTaskId, run = { count: 1, step: 1 } }: Listed): number[] {
  return Array.from({ length: run.count }, (_, at) => (arrayTaskId ?? 0) + at * run.step);
}
