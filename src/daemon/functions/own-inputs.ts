// Checks the large inputs of calls, which name contents: a user may name only their own.

import type { FunctionStore } from "../../core/ports/functions.js";
import { isStored, type Payload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import type { BlobHash } from "../../model/ids.js";

type Store = Pick<FunctionStore, "loadBlob">;

/** The inputs with their true sizes; rejects with NOT_FOUND if one is not this user's. */
export async function ownInputs(
  store: Store,
  uid: number,
  inputs: readonly Payload[],
): Promise<readonly Payload[]> {
  const hashes = new Set(inputs.filter(isStored).map(({ blob }) => blob));
  if (hashes.size === 0) return inputs;
  const bytesOf = new Map<BlobHash, number>();
  for (const hash of hashes) {
    const own = await store.loadBlob(uid, hash);
    if (own === null)
      throw new GleanerError(
        "NOT_FOUND",
        `gleanerd has no content ${hash} of yours for an input: send it again (PUT /v1/blobs), then call`,
      );
    bytesOf.set(hash, own.bytes);
  }
  return inputs.map((input) =>
    isStored(input) ? { ...input, bytes: bytesOf.get(input.blob)! } : input,
  );
}
