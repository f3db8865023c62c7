// Sends the code of functions to the nodes that have calls of them or start workers for them, in
// pieces.

import type { Logger } from "pino";
import { KeyedSemaphores, Semaphore } from "../../limits/semaphore.js";
import { messageOf } from "../../model/errors.js";
import { bundleOf, type ExecutorId, type VersionId } from "../../model/ids.js";
import { maxPartBytes } from "../../wire/call-checks.js";
import type { ExecutorRecord, Line } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Blobs } from "./blobs.js";

/** Over all nodes: each takes one piece of a bundle in memory. */
const maxAtOnce = 16;
const maxOfNode = 4;

export interface CodeSupplyDependencies {
  readonly live: LiveInvocations;
  readonly blobs: Pick<Blobs, "open">;
  readonly log: Logger;
}

export class CodeSupply {
  private readonly turns = new Semaphore(maxAtOnce);
  private readonly ofNodes = new KeyedSemaphores<ExecutorId>(maxOfNode);
  /** What is on its way, or waits for its turn. */
  private readonly promised = new WeakMap<Line, Set<VersionId>>();

  constructor(private readonly deps: CodeSupplyDependencies) {}

  /** A node gets only what it was ordered to run. */
  async supply(record: ExecutorRecord, version: VersionId): Promise<void> {
    const line = record.line;
    if (line === null) return;
    const calls = [...record.attempts.keys()].map((id) => this.deps.live.get(id)?.digest.version);
    if (!calls.includes(version) && !record.idleWorkers.startsAhead(version)) {
      const reason = "no call of this version is ordered on this node";
      line.send({ type: "bundleRefused", version, reason, isLost: false });
      return;
    }
    const promised = this.promised.get(line) ?? new Set();
    this.promised.set(line, promised);
    if (promised.has(version)) return;
    promised.add(version);
    const onSent = () => promised.delete(version);
    const send = () => this.send(line, version, onSent);
    try {
      await this.ofNodes.run(record.id, () => this.turns.run(send));
    } catch (thrown) {
      promised.delete(version);
      const reason = messageOf(thrown);
      this.deps.log.error({ version, reason }, "cannot send the code of a function");
      line.send({ type: "bundleRefused", version, reason, isLost: true });
    }
  }

  /**
   * A node that reads slowly gets the next piece once it has read the one before; one that is gone
   * gets no more. `onSent`: the node may ask again as soon as it has read the last one.
   */
  private async send(line: Line, version: VersionId, onSent: () => void): Promise<void> {
    const { content, close } = await this.deps.blobs.open(bundleOf(version));
    try {
      let offset = 0;
      let held: Uint8Array | null = null;
      const say = async (bytes: Uint8Array, isLast: boolean) => {
        const isSent = line.send({ type: "bundlePart", version, offset, bytes, isLast });
        offset += bytes.length;
        if (isLast) onSent();
        await line.flushed?.();
        return isSent;
      };
      for await (const piece of content)
        for (let at = 0; at < piece.length; at += maxPartBytes) {
          if (held !== null && !(await say(held, false))) return;
          held = piece.subarray(at, at + maxPartBytes);
        }
      await say(held ?? new Uint8Array(), true);
    } finally {
      await close();
    }
  }
}
