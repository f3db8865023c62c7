// Nodes that an operator drained: Gleaner starts nothing there until they are resumed.

import type { NodeName } from "../../model/ids.js";
import type { Connection } from "../database.js";
import type { Operations } from "./operations.js";

export function nodeWrites(database: Connection): Operations<"setDrained"> {
  const drain = database.prepare<[string, string, number]>(
    `INSERT INTO drained_node (node, drained_by, drained_at_ms) VALUES (?, ?, ?)
     ON CONFLICT (node) DO UPDATE SET drained_by = excluded.drained_by, drained_at_ms = excluded.drained_at_ms`,
  );
  const resume = database.prepare<[string]>("DELETE FROM drained_node WHERE node = ?");
  return {
    setDrained(node, by, atMs) {
      if (by === null) resume.run(node);
      else drain.run(node, by, atMs);
    },
  };
}

export function nodeReads(database: Connection): Operations<"loadDrained"> {
  const select = database.prepare<[], { node: NodeName; by: string }>(
    'SELECT node, drained_by AS "by" FROM drained_node ORDER BY node',
  );
  return { loadDrained: () => select.all() };
}
