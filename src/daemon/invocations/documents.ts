// Loads the scripts and environments of invocations that are about to run, with a limit on the
// bytes in memory.

import type { Store } from "../../core/ports/store.js";
import { isStored, type Payload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import type { BlobHash, InvocationId } from "../../model/ids.js";
import { type Submission, submissionIdOf } from "../../model/invocation.js";
import type { Live } from "../state/live-invocation.js";

/** The most recently used stay in memory: a thousand of the usual size, or one of the largest. */
const keptBytes = 8 * 1024 * 1024;
/**
 * Large documents that are loaded but not yet read by their nodes, over all orders: a new one waits
 * until an earlier one has left.
 */
const underWayBytes = 12 * 1024 * 1024;
/** Smaller ones never wait; a round starts at most 500. */
const smallBytes = 64 * 1024;

/** Reads the inputs of maps that came as a stream. */
interface InputReader {
  read(packed: BlobHash, task: number): Promise<Payload>;
}

const noInput: Payload = { contentType: "", body: new Uint8Array() };

export class Documents {
  /** By the submission's id, in the order of their last use. */
  private readonly kept = new Map<InvocationId, { submission: Submission; bytes: number }>();
  private readonly loading = new Map<InvocationId, Promise<Submission>>();
  private bytesKept = 0;
  private bytesUnderWay = 0;
  private readonly waiting: { bytes: number; enter: () => void }[] = [];

  constructor(
    private readonly store: Pick<Store, "submissionToRun" | "inputToRun">,
    private readonly packed: InputReader,
  ) {}

  /** A new submission often runs at once. */
  remember(id: InvocationId, submission: Submission, bytes: number): void {
    this.forget(id);
    if (bytes > keptBytes) return;
    this.kept.set(id, { submission, bytes });
    this.bytesKept += bytes;
    for (const oldest of this.kept.keys()) {
      if (this.bytesKept <= keptBytes) break;
      this.forget(oldest);
    }
  }

  /** Runs `task` with the submission of `live`; rejects with STORE if it cannot be read. */
  async with<T>(live: Live, task: (submission: Submission) => Promise<T>): Promise<T> {
    const { documentBytes } = live.digest;
    if (documentBytes <= smallBytes) return task(await this.of(live));
    const bytes = Math.min(documentBytes, underWayBytes);
    await this.enter(bytes);
    try {
      return await task(await this.of(live));
    } finally {
      this.leave(bytes);
    }
  }

  /**
   * The input of a call, which is empty for a lease; null for a command. Rejects with STORE if it
   * cannot be read.
   */
  async inputOf({ id, arrayJobId, digest }: Live): Promise<Payload | null> {
    if (digest.version === null) return null;
    if (digest.lease !== undefined) return noInput;
    if (digest.packedInputs !== null) {
      const packed = await this.packed.read(digest.packedInputs, id - arrayJobId!);
      // The row of a large one has its size.
      if (!isStored(packed)) return packed;
    }
    const input = await this.store.inputToRun(id);
    if (input === null) throw new GleanerError("STORE", `the store has no input of call ${id}`);
    return input;
  }

  private async of({ invocation, digest }: Live): Promise<Submission> {
    const id = submissionIdOf(invocation);
    const known = this.kept.get(id);
    if (known !== undefined) {
      this.kept.delete(id);
      this.kept.set(id, known);
      return known.submission;
    }
    const running = this.loading.get(id);
    if (running !== undefined) return running;
    const load = this.load(id).finally(() => this.loading.delete(id));
    this.loading.set(id, load);
    const submission = await load;
    this.remember(id, submission, digest.documentBytes);
    return submission;
  }

  private async load(id: InvocationId): Promise<Submission> {
    const submission = await this.store.submissionToRun(id);
    if (submission === null)
      throw new GleanerError("STORE", `the store has no submission of invocation ${id}`);
    return submission;
  }

  private forget(id: InvocationId): void {
    this.bytesKept -= this.kept.get(id)?.bytes ?? 0;
    this.kept.delete(id);
  }

  private async enter(bytes: number): Promise<void> {
    if (this.waiting.length === 0 && this.bytesUnderWay + bytes <= underWayBytes) {
      this.bytesUnderWay += bytes;
      return;
    }
    await new Promise<void>((enter) => this.waiting.push({ bytes, enter }));
  }

  private leave(bytes: number): void {
    this.bytesUnderWay -= bytes;
    for (const next of [...this.waiting]) {
      if (this.bytesUnderWay + next.bytes > underWayBytes) break;
      this.waiting.shift();
      this.bytesUnderWay += next.bytes;
      next.enter();
    }
  }
}
