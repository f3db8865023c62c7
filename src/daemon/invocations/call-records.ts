// Puts calls on record that were accepted before: when they end, and before somebody reads about
// them.

import { randomUUID } from "node:crypto";
import { pause } from "../../clock.js";
import type { InvocationFilter, ScanFilter, Store } from "../../core/ports/store.js";
import type { InvocationId } from "../../model/ids.js";
import { UnkeptError } from "../carried/keeping.js";
import type { UnrecordedCall, UnrecordedCalls } from "../state/unrecorded.js";

/** A full disk is not repaired sooner. */
const retryMs = 1_000;
/** Reserved with one write to the disk. */
const reservedIds = 200;

type Records = Pick<Store, "recordCall">;

/**
 * Resolves once the call is on record as it is now: from then on it is like any other. Rejects if
 * the store failed, or with UnkeptError if a content of the call cannot be written.
 */
export async function record(
  store: Records,
  calls: UnrecordedCalls,
  call: UnrecordedCall,
): Promise<void> {
  if (calls.get(call.id) !== call) return;
  call.recording ??= write(store, call)
    .then(() => calls.remove(call))
    .finally(() => {
      call.recording = null;
    });
  await call.recording;
}

/** Like record(), for a call that has ended: together with others, and until it succeeds. */
export async function recordSurely(
  store: Records,
  calls: UnrecordedCalls,
  call: UnrecordedCall,
  failed: (cause: unknown) => void,
): Promise<void> {
  await calls.gathered();
  while (calls.get(call.id) === call)
    try {
      await record(store, calls, call);
    } catch (cause) {
      failed(cause);
      await pause(retryMs);
    }
}

async function write(
  store: Records,
  { id, request, attempts, contents }: UnrecordedCall,
): Promise<void> {
  await Promise.all(contents.map((each) => each.orFailed()));
  const call = { id, request, attempts: [...attempts] };
  if (await store.recordCall(call)) return;
  // Its client used the id of an earlier request for a new one: it ran, and is billed.
  await store.recordCall({ ...call, request: { ...request, requestId: randomUUID() } });
}

/**
 * A store for readers: what they read about is put on record first. Calls whose contents cannot be
 * written are omitted, so that others do not wait for them; who asks for one is told so.
 */
export function recordingFirst(store: Store, calls: UnrecordedCalls): Store {
  const recorded = async (chosen: (call: UnrecordedCall) => boolean, named = false) => {
    const all = [...calls].filter(chosen).map((call) => record(store, calls, call));
    await Promise.all(named ? all : all.map((each) => each.catch(unlessUnkept)));
  };
  const hasEnded = (call: UnrecordedCall) => call.ends.size > 0;
  return {
    ...store,
    async listInvocations(filter) {
      await recorded((call) => selects(filter, call), isNamed(filter));
      return store.listInvocations(filter);
    },
    async scanInvocations(filter, afterId) {
      await recorded((call) => selects(filter, call), isNamed(filter));
      return store.scanInvocations(filter, afterId);
    },
    async listLogs(filter, limit) {
      await recorded(hasEnded);
      return store.listLogs(filter, limit);
    },
    async bill(filter) {
      await recorded(hasEnded);
      return store.bill(filter);
    },
    async verifyLedger(known) {
      await recorded(hasEnded);
      return store.verifyLedger(known);
    },
    async loadUtilization(fromMs, toMs) {
      await recorded(hasEnded);
      return store.loadUtilization(fromMs, toMs);
    },
  };
}

const isNamed = ({ ids, arrayJobId }: Pick<InvocationFilter, "ids"> & ScanFilter): boolean =>
  ids !== undefined || arrayJobId !== undefined;

function unlessUnkept(thrown: unknown): void {
  if (!(thrown instanceof UnkeptError)) throw thrown;
}

const selects = (
  { uid, ids, arrayJobId }: Pick<InvocationFilter, "ids"> & ScanFilter,
  call: UnrecordedCall,
): boolean =>
  (uid === undefined || uid === call.uid) &&
  (ids === undefined || call.ids.some((id) => ids.includes(id))) &&
  // A call belongs to no array; a lease is the only one of its own.
  (arrayJobId === undefined || arrayJobId === call.id);

/** Ids for calls, from the store in blocks: the next block is reserved before a call needs it. */
export class CallIds {
  private next = 0;
  private end = 0;
  /** The first id of the next block. */
  private ahead: Promise<InvocationId> | null = null;

  constructor(private readonly store: Pick<Store, "reserveIds">) {}

  /** Returns the first of `count` ids; rejects if too few are left and the store failed. */
  async take(count = 1): Promise<InvocationId> {
    if (count > reservedIds) return this.store.reserveIds(count);
    while (this.end - this.next < count) {
      const ahead = this.reserve();
      const first = await ahead;
      if (this.ahead !== ahead) continue;
      this.ahead = null;
      this.next = first;
      this.end = first + reservedIds;
    }
    const id = this.next as InvocationId;
    this.next += count;
    if (this.end - this.next <= reservedIds / 2) this.reserve().catch(() => undefined);
    return id;
  }

  private reserve(): Promise<InvocationId> {
    this.ahead ??= this.store.reserveIds(reservedIds).catch((thrown) => {
      this.ahead = null;
      throw thrown;
    });
    return this.ahead;
  }
}
