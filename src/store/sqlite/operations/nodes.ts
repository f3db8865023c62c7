// Nodes that an operator drained: Gleaner starts nothing there until they are resumed.

import type { NodeName } from "../../../model/ids.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

export function nodeWrites(database: Connection): Operations<"setDrained"> {
  const drain = database.prepare<[string, string, number, number]>(
    `INSERT INTO drained_node (node, drained_by, at_once, drained_at_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT (node) DO UPDATE SET drained_by = excluded.drained_by, at_once = excluded.at_once,
       drained_at_ms = excluded.drained_at_ms`,
  );
  const resume = database.prepare<[string]>("DELETE FROM drained_node WHERE node = ?");
  return {
    setDrained(node, wanted, atMs) {
      if (wanted === null) resume.run(node);
      else drain.run(node, wanted.by, wanted.now ? 1 : 0, atMs);
    },
  };
}

export function nodeReads(database: Connection): Operations<"loadDrained"> {
  const select = database.prepare<[], { node: NodeName; by: string; at_once: number }>(
    'SELECT node, drained_by AS "by", at_once FROM drained_node ORDER BY node',
  );
  return {
    loadDrained: () =>
      select.all().map(({ node, by, at_once }) => ({ node, by, now: at_once === 1 })),
  };
}
