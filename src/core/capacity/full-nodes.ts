// Nodes that have no memory left although Slurm says that they have room: for how long Gleaner
// leaves them to their batch jobs.

import type { NodeName } from "../../model/ids.js";
import { doubled, type Illness } from "./sick-nodes.js";

/** How long the first time; doubled each time it happens again. */
const awayMs = 60_000;
/** This long after the last time, what happened before no longer counts. */
const calmMs = 3_600_000;

const detail = "the node has no memory left for functions although Slurm says that it has room";

interface Away extends Illness {
  readonly times: number;
}

/** Every call passes the time, so the result depends on the calls alone. */
export class FullNodes {
  private readonly away = new Map<NodeName, Away>();

  /** Calls `foundFull` for each node that Gleaner leaves alone from now on. */
  constructor(private readonly foundFull: (node: NodeName, illness: Illness) => void) {}

  /** Its executor reports that there is no memory left; returns for how long, and why. */
  heard(node: NodeName, nowMs: number): Illness {
    const before = this.away.get(node);
    if (before !== undefined && before.untilMs > nowMs) return before;
    const isAgain = before !== undefined && nowMs - before.untilMs <= calmMs;
    const times = isAgain ? before.times + 1 : 1;
    const away = { detail, untilMs: nowMs + doubled(awayMs, times), times };
    this.away.set(node, away);
    this.foundFull(node, away);
    return away;
  }

  /** Why Gleaner leaves a node alone; null if it does not. */
  illness(node: NodeName, nowMs: number): Illness | null {
    const away = this.away.get(node);
    return away !== undefined && away.untilMs > nowMs ? away : null;
  }
}
