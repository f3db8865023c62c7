// Checkpoint folders: their owners and locations, and their removal after their invocations have
// ended.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { CheckpointRow, Store } from "../../core/ports/store.js";
import { mostOf } from "../../core/submission/user-share.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { counted } from "../../model/counted.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import {
  type ExecutorId,
  type InvocationId,
  invocationId,
  type NodeName,
} from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";

export interface CheckpointPolicy {
  /** If null, each folder is in its function's working directory. */
  readonly directory: string | null;
  /** The most invocations, over all users, that have or may get a folder. */
  readonly maxFolders: number;
  /** A folder that could not be removed for this long after the end is left to its owner. */
  readonly keepMs: number;
}

/**
 * After this time without an answer, the same or another executor is asked: longer than one removal
 * may take.
 */
const askAgainMs = 90_000;
/**
 * How long gleanerd waits for the node that ran it last: if the folder is not shared, only that
 * node can see it.
 */
const otherNodeAfterMs = 60_000;
/** The most folders requested in one round. */
const maxAsked = 1_000;

interface Folder extends CheckpointRow {
  node: NodeName | null;
  endedAtMs: number | null;
  /** The executor asked to remove it, and when; null if none was asked yet. */
  asked: { readonly of: ExecutorId; readonly atMs: number } | null;
}

export interface CheckpointsDependencies {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly events: Events;
  readonly policy: CheckpointPolicy;
  /** Unguessable, and always the same for one invocation. */
  readonly nameOf: (invocation: InvocationId) => string;
  readonly log: Logger;
}

export class Checkpoints {
  /** Live invocations that requested a folder. */
  private readonly owed = new Set<InvocationId>();
  /** Invocations whose folder was created, or is about to be. */
  private readonly folders = new Map<InvocationId, Folder>();
  private readonly ended = new Set<InvocationId>();
  private readonly stillThere = new LogRateLimit();
  private readonly unrecorded = new LogRateLimit();

  constructor(private readonly deps: CheckpointsDependencies) {
    deps.events.subscribe(["invocationEnded"], ({ invocation }) => this.hasEnded(invocation));
  }

  /**
   * Continues with an earlier daemon's folders; must be called once the live invocations are
   * loaded.
   */
  async load(): Promise<void> {
    for (const row of await this.deps.store.loadCheckpoints()) {
      this.folders.set(row.invocation, { ...row, asked: null });
      if (row.endedAtMs !== null) this.ended.add(row.invocation);
    }
    for (const { id, digest } of this.deps.live.singles())
      if (digest.checkpointIn !== null) this.owed.add(id);
  }

  /**
   * Throws LIMIT_REACHED if `tasks` more would be too many: no user gets more than stays free for
   * others.
   */
  admit(uid: number, tasks: number): void {
    const { maxFolders } = this.deps.policy;
    const own = this.countOf(uid);
    const all = this.owed.size + this.ended.size + this.deps.live.arriving.sum("folders");
    const most = mostOf(maxFolders, all - own);
    if (own + tasks > most)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${counted(own, "checkpoint folder")}, and the limit for one user is ${most} at present (checkpoints.maxFolders is ${maxFolders}): try again when some of your invocations have ended`,
      );
  }

  private countOf(uid: number): number {
    let count = this.deps.live.arriving.sum("folders", uid);
    for (const id of this.owed) if (this.deps.live.get(id)?.owner.uid === uid) count++;
    for (const id of this.ended) if (this.folders.get(id)?.owner.uid === uid) count++;
    return count;
  }

  submitted(first: InvocationId, count: number): void {
    for (let id = first; id < first + count; id = invocationId(id + 1))
      if (this.deps.live.has(id)) this.owed.add(id);
  }

  /** The folder of an invocation; null if it requested none. */
  pathFor({ invocation: { id }, digest: { checkpointIn } }: Live): string | null {
    if (checkpointIn === null) return null;
    const { directory } = this.deps.policy;
    const above = (directory ?? checkpointIn).replace(/\/+$/, "");
    return this.folders.get(id)?.path ?? `${above}/${this.deps.nameOf(id)}`;
  }

  /**
   * Resolves once it is on record that the folder may exist: must be awaited before the order is
   * sent.
   */
  async keep(live: Live, node: NodeName): Promise<void> {
    const path = this.pathFor(live);
    if (path === null) return;
    const { id: invocation, owner } = live;
    const known = this.folders.get(invocation);
    if (known !== undefined) {
      known.node = node;
      return;
    }
    await this.deps.store.saveCheckpoint(invocation, path);
    const folder = { invocation, owner, path, node, endedAtMs: null, asked: null };
    this.folders.set(invocation, folder);
    // It may have been cancelled meanwhile.
    if (!this.deps.live.has(invocation)) this.hasEnded(live.invocation);
  }

  private hasEnded({ id, endedAtMs }: Invocation): void {
    this.owed.delete(id);
    const folder = this.folders.get(id);
    if (folder === undefined) return;
    folder.endedAtMs = endedAtMs ?? nowMs();
    this.ended.add(id);
    this.ask(folder, nowMs());
  }

  /** Retries the removals that failed. */
  sweep(): void {
    const atMs = nowMs();
    let asked = 0;
    for (const id of this.ended) {
      const folder = this.folders.get(id)!;
      if (atMs - folder.endedAtMs! > this.deps.policy.keepMs) {
        this.deps.log.warn({ path: folder.path }, "cannot remove a checkpoint folder");
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

  /**
   * An executor tried to remove it. Only the answer of the executor asked last, for an ended
   * invocation, counts.
   */
  removed(executor: ExecutorId, id: InvocationId, problem: string | null): void {
    const folder = this.folders.get(id);
    if (folder?.asked?.of !== executor || !this.ended.has(id)) return;
    const { path } = folder;
    if (problem === null) void this.forget(id);
    else
      this.stillThere.say((suppressed) =>
        this.deps.log.info({ path, problem, suppressed }, "a checkpoint folder still exists"),
      );
  }

  /** If the record stays, the next daemon has the folder removed again. */
  private async forget(id: InvocationId): Promise<void> {
    this.folders.delete(id);
    this.ended.delete(id);
    try {
      await this.deps.store.forgetCheckpoint(id);
    } catch (cause) {
      const problem = "cannot remove the record of a checkpoint folder";
      this.unrecorded.say((suppressed) =>
        this.deps.log.error({ cause: messageOf(cause), suppressed }, problem),
      );
    }
  }
}
