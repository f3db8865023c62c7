// Stops a version of a function that no worker can load: calls of it would only fail, each after a
// cold start.

import type { NodeName, VersionId } from "../../model/ids.js";
import { remember } from "../../model/remember.js";

/** This many failures in a row stop a version. */
const mostFailures = 3;
/** From this many on one node, the next calls look for another one. */
const suspiciousFailures = 2;
/** How long they look for one. */
const avoidMs = 20_000;
/** The most versions remembered, in memory: some hundred bytes each. */
const maxRemembered = 10_000;

/**
 * Calls of one user: what others cannot load, such as an interpreter in a private folder, is no
 * reason to stop the function for its owner.
 */
export interface CalledBy {
  readonly uid: number;
  readonly version: VersionId;
}

export interface LoadFailure extends CalledBy {
  readonly node: NodeName;
  /** In the words of the runtime. */
  readonly message: string;
}

interface Run {
  failures: number;
  readonly onNode: Map<NodeName, { readonly failures: number; readonly avoidUntilMs: number }>;
  /** Why it is stopped; null if it is not. */
  stopped: string | null;
}

/** Every call passes the time, so the result depends on the calls alone. */
export class LoadFailures {
  /** The failures since the version was last loaded. */
  private readonly runs = new Map<string, Run>();

  /**
   * Returns whether this failure stops the version: not while one node alone may be to blame.
   * `others` counts the nodes, besides the given ones, that might take a call of it.
   */
  failed(
    failure: LoadFailure,
    others: (tried: ReadonlySet<NodeName>) => number,
    nowMs: number,
  ): boolean {
    const { node, message } = failure;
    const run = this.runs.get(keyOf(failure)) ?? { failures: 0, onNode: new Map(), stopped: null };
    run.failures++;
    const there = run.onNode.get(node)?.failures ?? 0;
    const isAlone = others(new Set([node])) === 0;
    const avoids = there + 1 >= suspiciousFailures && !isAlone;
    run.onNode.set(node, { failures: there + 1, avoidUntilMs: avoids ? nowMs + avoidMs : 0 });
    remember(this.runs, keyOf(failure), run, maxRemembered);
    const nodes = [...run.onNode.keys()];
    if (run.stopped !== null || run.failures < mostFailures) return false;
    if (nodes.length === 1 && !isAlone) return false;
    run.stopped = `workers could not load it ${run.failures} times in a row, on ${nodes.join(" and ")} (${message})`;
    return true;
  }

  /** A worker of this user loaded it. */
  loaded(called: CalledBy): void {
    this.runs.delete(keyOf(called));
  }

  /** For all users. */
  deployed(version: VersionId): void {
    for (const key of this.runs.keys()) if (key.endsWith(`/${version}`)) this.runs.delete(key);
  }

  /** Why calls of this user are refused; null if they are not. */
  whyStopped(called: CalledBy): string | null {
    return this.runs.get(keyOf(called))?.stopped ?? null;
  }

  /** Nodes on which it failed repeatedly, for a while. */
  avoidedBy(called: CalledBy, nowMs: number): readonly NodeName[] {
    const run = this.runs.get(keyOf(called));
    if (run === undefined) return [];
    return [...run.onNode]
      .filter(([, { avoidUntilMs }]) => avoidUntilMs > nowMs)
      .map(([node]) => node);
  }
}

const keyOf = ({ uid, version }: CalledBy): string => `${uid}/${version}`;
