// Checkpoint folders: who has one, where it is, and that it goes when its invocation has ended.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { CheckpointRow, Store } from "../../core/ports/store.js";
import { mostOf } from "../../core/submission/user-share.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { ExecutorId, InvocationId, NodeName } from "../../model/ids.js";
import { type Invocation, isFinal } from "../../model/invocation.js";
import type { Live, LiveInvocations } from "../state/live.js";
import type { ExecutorRecord, Registry } from "../state/registry.js";

export interface CheckpointPolicy {
  /** null: each in its function's working directory. */
  readonly directory: string | null;
  /** Invocations that have, or may get, a folder: over all users. */
  readonly maxFolders: number;
  /** A folder that could not be removed for so long after the end is left to its owner. */
  readonly keepMs: number;
}

/** An executor that did not answer is asked again, or another is: longer than one removal may take. */
const askAgainMs = 90_000;
/** So long the node that ran it last is waited for: if the folder is not shared, only that node can see it. */
const otherNodeAfterMs = 60_000;
/** Asked in one go. */
const maxAsked = 1_000;

interface Folder extends CheckpointRow {
  node: NodeName | null;
  endedAtMs: number | null;
  /** Who was asked to remove it, and when; null: nobody yet. */
  asked: { readonly of: ExecutorId; readonly atMs: number } | null;
}

export interface CheckpointsDependencies {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly policy: CheckpointPolicy;
  /** Unguessable, and the same for one invocation always. */
  readonly nameOf: (invocation: InvocationId) => string;
  readonly log: Logger;
}

export class Checkpoints {
  /** Live invocations that asked for a folder. */
  private readonly owed = new Set<InvocationId>();
  /** Those whose folder was made, or is about to be. */
  private readonly folders = new Map<InvocationId, Folder>();
  private readonly ended = new Set<InvocationId>();
  private readonly stillThere = new LogRateLimit();

  constructor(private readonly deps: CheckpointsDependencies) {
    deps.live.on("changed", (invocation) => this.changed(invocation));
  }

  /** Goes on with what an earlier daemon left; after the live invocations were loaded. */
  async load(): Promise<void> {
    for (const row of await this.deps.store.loadCheckpoints()) {
      this.folders.set(row.invocation, { ...row, asked: null });
      if (row.endedAtMs !== null) this.ended.add(row.invocation);
    }
    for (const { invocation, digest } of this.deps.live.all())
      if (digest.checkpointIn !== null) this.owed.add(invocation.id);
  }

  /** Throws LIMIT_REACHED when `tasks` more would be too many: no user takes more than stays free for others. */
  admit(uid: number, tasks: number): void {
    const { maxFolders } = this.deps.policy;
    const own = this.countOf(uid);
    const most = mostOf(maxFolders, this.owed.size + this.ended.size - own);
    if (own + tasks > most)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${own} checkpoint folders and a user may have ${most} now, as many as stay free for others (checkpoints.maxFolders is ${maxFolders}): try again when some of your invocations have ended`,
      );
  }

  private countOf(uid: number): number {
    let count = 0;
    for (const id of this.owed) if (this.deps.live.get(id)?.invocation.owner.uid === uid) count++;
    for (const id of this.ended) if (this.folders.get(id)?.owner.uid === uid) count++;
    return count;
  }

  submitted(invocations: readonly Invocation[]): void {
    for (const { id } of invocations) if (this.deps.live.get(id) !== undefined) this.owed.add(id);
  }

  /** The folder of an invocation; null: it asked for none. */
  pathFor({ invocation: { id }, digest: { checkpointIn } }: Live): string | null {
    if (checkpointIn === null) return null;
    const { directory } = this.deps.policy;
    const above = (directory ?? checkpointIn).replace(/\/+$/, "");
    return this.folders.get(id)?.path ?? `${above}/${this.deps.nameOf(id)}`;
  }

  /** Resolves when it is on record that the folder may be there: to be waited for before the order is sent. */
  async keep(live: Live, node: NodeName): Promise<void> {
    const path = this.pathFor(live);
    if (path === null) return;
    const { id: invocation, owner } = live.invocation;
    const known = this.folders.get(invocation);
    if (known !== undefined) {
      known.node = node;
      return;
    }
    await this.deps.store.saveCheckpoint(invocation, path);
    const folder = { invocation, owner, path, node, endedAtMs: null, asked: null };
    this.folders.set(invocation, folder);
    // It may have been cancelled meanwhile.
    if (this.deps.live.get(invocation) === undefined) this.changed(live.invocation);
  }

  private changed({ id, state, endedAtMs }: Invocation): void {
    if (!isFinal(state)) return;
    this.owed.delete(id);
    const folder = this.folders.get(id);
    if (folder === undefined) return;
    folder.endedAtMs = endedAtMs ?? nowMs();
    this.ended.add(id);
    this.ask(folder, nowMs());
  }

  /** What could not be removed at once: now and then. */
  sweep(): void {
    const atMs = nowMs();
    let asked = 0;
    for (const id of this.ended) {
      const folder = this.folders.get(id)!;
      if (atMs - folder.endedAtMs! > this.deps.policy.keepMs) {
        this.deps.log.warn({ path: folder.path }, "a checkpoint folder could not be removed");
        void this.forget(id);
      } else if (!this.isAsked(folder, atMs) && this.ask(folder, atMs)) asked++;
      if (asked >= maxAsked) break;
    }
  }

  private isAsked({ asked }: Folder, atMs: number): boolean {
    if (asked === null || this.deps.registry.get(asked.of) === undefined) return false;
    return atMs - asked.atMs < askAgainMs;
  }

  private ask(folder: Folder, atMs: number): boolean {
    const { invocation, owner, path } = folder;
    const record = this.executorFor(folder, atMs);
    const { uid, gid, user } = owner;
    const order = { invocation, uid, gid, user, path };
    if (record?.line?.send({ type: "removeCheckpoint", order }) !== true) return false;
    folder.asked = { of: record.id, atMs };
    return true;
  }

  private executorFor({ node, endedAtMs }: Folder, atMs: number): ExecutorRecord | undefined {
    const { registry } = this.deps;
    const there = node === null ? undefined : registry.onNode(node);
    if (there?.takesWork) return there;
    if (node !== null && atMs - endedAtMs! < otherNodeAfterMs) return undefined;
    return registry.all().find((record) => record.takesWork);
  }

  /** An executor tried it. Only of who was asked last, and for what has ended; anything else is an old answer. */
  removed(executor: ExecutorId, id: InvocationId, problem: string | null): void {
    const folder = this.folders.get(id);
    if (folder?.asked?.of !== executor || !this.ended.has(id)) return;
    const { path } = folder;
    if (problem === null) void this.forget(id);
    else
      this.stillThere.say((suppressed) =>
        this.deps.log.info({ path, problem, suppressed }, "a checkpoint folder is still there"),
      );
  }

  /** When the record stays, the next daemon has it removed once more. */
  private async forget(id: InvocationId): Promise<void> {
    this.folders.delete(id);
    this.ended.delete(id);
    try {
      await this.deps.store.forgetCheckpoint(id);
    } catch (cause) {
      this.deps.log.error({ cause: messageOf(cause) }, "a checkpoint folder stays on record");
    }
  }
}
