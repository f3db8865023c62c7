// The store's records of maps: their inputs, and the order of their ends; a part of the port Store.

import type { StoredPayload } from "../../model/call.js";
import type { BlobHash, InvocationId } from "../../model/ids.js";

/** A content with the inputs of all tasks, which is on disk and gets its record with the map's. */
export interface PackedInputs {
  readonly sha256: BlobHash;
  readonly bytes: number;
  /** The inputs that are contents of their own. */
  readonly large: readonly { readonly task: number; readonly payload: StoredPayload }[];
}

/** Tasks of a map whose ends were recorded together. */
export interface MapEnds {
  /** The place of the first one among all ends of the map, from 1 on. */
  readonly number: number;
  readonly firstId: InvocationId;
  readonly lastId: InvocationId;
}

export interface MapStore {
  /** What was submitted with a request id; null if nothing. */
  submittedWith(requestId: string): Promise<{
    readonly id: InvocationId;
    readonly tasks: number;
    /** The owner. */
    readonly uid: number;
  } | null>;
  /** The content with the inputs of a map; null if there is none, or it was removed for its age. */
  packedInputsOf(map: InvocationId): Promise<BlobHash | null>;
  /** The ends of a map in the order of their records, after the first `after` of them. */
  listMapEnds(map: InvocationId, after: number, limit: number): Promise<readonly MapEnds[]>;
}
