// Prepares statements whose text depends on what is looked for.

import type { Statement } from "better-sqlite3";
import type { Connection } from "../../database.js";

/**
 * Returns a function that prepares each text once: to prepare a statement takes longer than to run
 * it. For texts with few variants, because it keeps them all.
 */
export function statementCache<Row>(
  database: Connection,
): (sql: string) => Statement<unknown[], Row> {
  const prepared = new Map<string, Statement<unknown[], Row>>();
  return (sql) => {
    const statement = prepared.get(sql) ?? database.prepare<unknown[], Row>(sql);
    prepared.set(sql, statement);
    return statement;
  };
}
