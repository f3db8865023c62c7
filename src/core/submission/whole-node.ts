// The amounts of a submission that asks for a whole node, or for all memory of one.

import type { ResourceRequest } from "../../model/resources.js";
import type { AskedSubmission } from "./admission.js";

/** Those that take the place of what it asks for; none if it asks for neither. */
export function sizesFor(
  { cores, gpus, memoryMb, memoryPerCoreMb, where }: AskedSubmission,
  wholeNode: (need: ResourceRequest) => ResourceRequest | null,
): Partial<AskedSubmission> {
  const isExclusive = where?.exclusive === true;
  const takesMemory = memoryMb === 0 || (isExclusive && (memoryMb ?? memoryPerCoreMb) === null);
  if (!isExclusive && !takesMemory) return {};
  const node = wholeNode({ cores, gpus, memoryMb: memoryMb ?? 0 });
  if (node === null) return {};
  return {
    ...(takesMemory && { memoryMb: node.memoryMb }),
    ...(isExclusive && { cores: node.cores }),
  };
}
