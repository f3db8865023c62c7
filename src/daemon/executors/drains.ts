// Drains: nodes that operators took away from Gleaner, and the kill switch for all nodes.

import type { Logger } from "pino";
import { nowMs, pause } from "../../clock.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { Drain, Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import { type NodeName, nodeName } from "../../model/ids.js";
import type { DrainAnswer } from "../../wire/api/types.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { Registry } from "../state/registry.js";

/** Stands for every node, including future ones. No node can have this name. */
const everyNode = nodeName("*");
/** Takes the place of an operator's name. No user's name contains a comma. */
const gleanerd = "gleanerd, which does not believe the node: ";
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export interface DrainsDependencies {
  readonly store: Store;
  readonly registry: Registry;
  readonly events: Events;
  readonly launcher: Pick<Launcher, "withdraw">;
  /** The nodes that Slurm lists at present. */
  readonly knownNodes: () => readonly NodeName[];
  /** Slurm's host list syntax; throws BAD_REQUEST. */
  readonly expandHostList: (text: string) => readonly string[];
  /** From a notice to the kill, for functions that requested a notice. */
  readonly graceMs: number;
  readonly log: Logger;
  /** Considers an executor gone, and cancels its job. */
  readonly giveUp: (record: ExecutorRecord, reason: string) => Promise<void>;
}

export class Drains {
  private readonly nodes = new Map<NodeName, Drain>();
  /** Why all executors must go; null if they may stay. */
  private dismissal: string | null = null;

  constructor(private readonly deps: DrainsDependencies) {}

  async load(): Promise<void> {
    for (const { node, ...drain } of await this.deps.store.loadDrained())
      this.nodes.set(node, drain);
  }

  allDrainedBy(): string | null {
    return this.nodes.get(everyNode)?.by ?? null;
  }

  drainedBy(node: NodeName): string | null {
    return this.nodes.get(node)?.by ?? this.allDrainedBy();
  }

  /** Whether functions there return to the queue; otherwise they may finish. */
  private isNow(node: NodeName): boolean {
    return [node, everyNode].some((each) => this.nodes.get(each)?.now === true);
  }

  /**
   * Records the drain first, then tells the executors: now (functions return to the queue), or when
   * their work is done. A drain with `now` stays so until the node is resumed: an executor that is
   * away learns of it when it reconnects.
   */
  async drain(texts: readonly string[], by: string, now: boolean): Promise<DrainAnswer> {
    const { nodes, problems } = this.resolve(texts);
    for (const node of nodes) {
      const drain = { by, now: now || this.nodes.get(node)?.now === true };
      await this.deps.store.setDrained(node, drain, nowMs());
      this.nodes.set(node, drain);
    }
    for (const record of this.deps.registry.all()) this.tellOfDrain(record);
    this.deps.events.publish({ type: "drainsChanged" });
    return { nodes: nodes.map(shown), problems };
  }

  /** `all` ends every drain, including those of single nodes. */
  async resume(texts: readonly string[]): Promise<DrainAnswer> {
    const resolved = this.resolve(texts);
    const nodes = resolved.nodes.includes(everyNode) ? [...this.nodes.keys()] : resolved.nodes;
    const problems = [...resolved.problems];
    for (const node of nodes) {
      if (!this.nodes.has(node)) {
        problems.push(
          this.allDrainedBy() === null
            ? `${node} was not drained`
            : `${node} is drained with all others: run glean resume all`,
        );
        continue;
      }
      await this.deps.store.setDrained(node, null, nowMs());
      this.nodes.delete(node);
    }
    this.deps.events.publish({ type: "drainsChanged" });
    return { nodes: nodes.map(shown), problems };
  }

  /**
   * A node reported something impossible: no work and no executor goes there until an operator
   * resumes it. Takes effect at once, because the next plan may come before the record is durable.
   */
  async distrust(node: NodeName, what: string): Promise<void> {
    const drain = { by: `${gleanerd}${what}`, now: true };
    this.nodes.set(node, drain);
    while (this.nodes.get(node) === drain) {
      try {
        return await this.deps.store.setDrained(node, drain, nowMs());
      } catch (cause) {
        this.deps.log.error({ node, cause: messageOf(cause) }, "cannot record a drain");
        await pause(retryMs);
      }
    }
  }

  /** The untrusted nodes, and why. */
  distrusted(): readonly (readonly [NodeName, string])[] {
    return [...this.nodes]
      .filter(([, { by }]) => by.startsWith(gleanerd))
      .map(([node, { by }]) => [node, by.slice(gleanerd.length)]);
  }

  /**
   * It was starting or away when its node was drained or all were dismissed; the next plan may take
   * long.
   */
  tellIfDrained(record: ExecutorRecord): void {
    if (this.dismissal !== null) this.dismiss(record, this.dismissal);
    else if (this.drainedBy(record.node) !== null) this.tellOfDrain(record);
    // The reason for it to leave has ended, but it gets no more work: another one may start in its
    // place.
    else if (record.state === "draining")
      record.retire("drain", "it was told to leave while it was disconnected");
  }

  private tellOfDrain(record: ExecutorRecord): void {
    const by = this.drainedBy(record.node);
    if (by === null) return;
    const isNow = this.isNow(record.node);
    record.retire(isNow ? "stop" : "drain", `drained by ${by}`, this.deps.graceMs);
    // Slurm reaches a pilot that is away; its functions count as evicted once Slurm reports its
    // end.
    if (isNow && record.line === null && record.attempts.size > 0)
      void this.deps.launcher.withdraw?.(record.id);
  }

  /** Stops every executor; resolves once all are gone or given up. */
  async dismissAll(reason: string): Promise<void> {
    this.dismissal = reason;
    const records = this.deps.registry.all();
    for (const record of records) {
      this.dismiss(record, reason);
      // A waiting pilot receives nothing: its job is cancelled.
      if (record.placement === "pilot" && record.line === null)
        void this.deps.giveUp(record, reason);
    }
    await Promise.all(records.map((record) => record.whenGone));
  }

  /** No job waits, so functions get the time that they requested. */
  private dismiss(record: ExecutorRecord, reason: string): void {
    record.retire("stop", reason, this.deps.graceMs);
  }

  private resolve(texts: readonly string[]): { nodes: NodeName[]; problems: string[] } {
    const known = new Set<string>(this.deps.knownNodes());
    const nodes: NodeName[] = [];
    const problems: string[] = [];
    for (const text of texts) {
      if (text.toLowerCase() === "all") nodes.push(everyNode);
      else
        for (const name of this.deps.expandHostList(text))
          if (known.has(name) || this.nodes.has(nodeName(name))) nodes.push(nodeName(name));
          else problems.push(`Slurm lists no node ${name}: check the name with glean info`);
    }
    return { nodes, problems };
  }
}

const shown = (node: NodeName): string => (node === everyNode ? "all" : node);
