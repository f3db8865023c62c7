// Maps: the order in which the ends of their tasks were recorded, and the content with their
// inputs.

import type { MapEnds } from "../../../../core/ports/maps.js";
import type { BlobHash, InvocationId } from "../../../../model/ids.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";

/** A map is an array of calls. */
const isMap = "i.array_task_id IS NOT NULL AND s.version IS NOT NULL";
/** The number of the next end of the map `s.id`. */
const nextNumber = `1 + coalesce((SELECT number + last_id - first_id FROM map_end
  WHERE map = s.id ORDER BY number DESC LIMIT 1), 0)`;

/** Returns a function that notes that a task ended; it does nothing for other invocations. */
export function endNoter(database: Connection): (id: InvocationId) => void {
  const insert = database.prepare<{ id: number }>(
    `INSERT INTO map_end (map, number, first_id, last_id)
     SELECT s.id, ${nextNumber}, i.id, i.id FROM invocation AS i
       JOIN submission AS s ON s.id = i.submission WHERE i.id = @id AND ${isMap}`,
  );
  return (id) => void insert.run({ id });
}

/** As endNoter(), for the waiting tasks with rows of their own from one id to another. */
export function pendingEndNoter(database: Connection): (first: number, last: number) => void {
  const select = database
    .prepare<[number, number], InvocationId>(
      `SELECT i.id FROM invocation AS i JOIN submission AS s ON s.id = i.submission
       WHERE i.id BETWEEN ? AND ? AND i.state = 'PENDING' AND ${isMap}`,
    )
    .pluck();
  const note = endNoter(database);
  return (first, last) => {
    for (const id of select.all(first, last)) note(id);
  };
}

/** As endNoter(), for tasks of one array that waited as a run. */
export function runEndNoter(
  database: Connection,
): (map: number, first: number, last: number) => void {
  const insert = database.prepare<{ map: number; first: number; last: number }>(
    `INSERT INTO map_end (map, number, first_id, last_id)
     SELECT s.id, ${nextNumber}, @first, @last FROM submission AS s
     WHERE s.id = @map AND s.version IS NOT NULL`,
  );
  return (map, first, last) => void insert.run({ map, first, last });
}

/** Returns a function that removes the first of a map's ends, or all of them. */
export function endPruner(database: Connection): (map: number, which: "first" | "all") => void {
  const removeAll = database.prepare<[number]>("DELETE FROM map_end WHERE map = ?");
  const removeFirst = database.prepare<{ map: number }>(
    `DELETE FROM map_end WHERE map = @map
       AND number = (SELECT min(number) FROM map_end WHERE map = @map)`,
  );
  return (map, which) => void (which === "all" ? removeAll.run(map) : removeFirst.run({ map }));
}

/**
 * Returns a function that forgets the inputs of maps whose last task ended before `beforeMs`, and
 * returns the number of maps.
 */
export function packedInputsPruner(database: Connection): (beforeMs: number) => number {
  const forget = database.prepare<{ beforeMs: number }>(
    `UPDATE submission AS s SET packed_inputs = NULL
     WHERE packed_inputs IS NOT NULL AND submitted_at_ms < @beforeMs AND ${nextNumber} > tasks
       AND coalesce(
         (SELECT i.ended_at_ms FROM invocation AS i WHERE i.id = (${lastEnded})),
         (SELECT r.ended_at_ms FROM task_run AS r WHERE (${lastEnded}) BETWEEN r.first_id AND r.last_id),
         0) < @beforeMs`,
  );
  return (beforeMs) => forget.run({ beforeMs }).changes;
}

const lastEnded = "SELECT last_id FROM map_end WHERE map = s.id ORDER BY number DESC LIMIT 1";

export function mapWrites(database: Connection): Operations<"submittedWith"> {
  const find = database.prepare<[string], { id: InvocationId; tasks: number; uid: number }>(
    "SELECT id, tasks, owner_uid AS uid FROM submission WHERE request_id = ?",
  );
  return { submittedWith: (requestId) => find.get(requestId) ?? null };
}

export function mapReads(database: Connection): Operations<"listMapEnds" | "packedInputsOf"> {
  const selectInputs = database
    .prepare<[number], BlobHash | null>("SELECT packed_inputs FROM submission WHERE id = ?")
    .pluck();
  const selectEnds = database.prepare<{ map: number; after: number; limit: number }, MapEnds>(
    `SELECT number, first_id AS firstId, last_id AS lastId FROM map_end
     WHERE map = @map AND number >= coalesce(
       (SELECT max(number) FROM map_end WHERE map = @map AND number <= @after + 1), 0)
     ORDER BY number LIMIT @limit`,
  );
  return {
    packedInputsOf: (map) => selectInputs.get(map) ?? null,
    listMapEnds(map, after, limit) {
      const ends = selectEnds.all({ map, after, limit });
      return ends.filter(({ number, firstId, lastId }) => number + lastId - firstId > after);
    },
  };
}
