// Maps: the order in which the ends of their tasks were recorded, and the content with their
// inputs.

import type { MapEnds } from "../../../../core/ports/maps.js";
import type { BlobHash, InvocationId } from "../../../../model/ids.js";
import type { Connection } from "../../database.js";
import type { GroupWrite } from "../../group.js";
import type { Operations } from "../../signatures.js";

/** A map is an array of calls. */
const isMap = "i.array_task_id IS NOT NULL AND s.version IS NOT NULL";
/** The number of the next end of the map `s.id`. */
const nextNumber = `1 + coalesce((SELECT number + last_id - first_id FROM map_end
  WHERE map = s.id ORDER BY number DESC LIMIT 1), 0)`;

interface EndedTasks {
  readonly map: number;
  /** The last task of the map. */
  readonly lastOfMap: number;
  readonly first: number;
  readonly last: number;
}

/** Notes that a task ended, and nothing for other invocations; one row for consecutive tasks. */
export class EndNoter implements GroupWrite {
  private ended: EndedTasks | null = null;
  private marked: EndedTasks | null = null;
  private readonly mapOf;
  private readonly insert;

  constructor(database: Connection) {
    this.mapOf = database.prepare<[number], Pick<EndedTasks, "map" | "lastOfMap">>(
      `SELECT s.id AS map, s.id + s.tasks - 1 AS lastOfMap FROM invocation AS i
         JOIN submission AS s ON s.id = i.submission WHERE i.id = ? AND ${isMap}`,
    );
    this.insert = endInsertion(database);
  }

  note(id: InvocationId): void {
    const { ended } = this;
    if (ended?.last === id - 1 && id <= ended.lastOfMap) {
      this.ended = { ...ended, last: id };
      return;
    }
    this.flush();
    const map = this.mapOf.get(id);
    if (map !== undefined) this.ended = { ...map, first: id, last: id };
  }

  begin(): void {
    this.ended = null;
  }

  mark(): void {
    this.marked = this.ended;
  }

  undo(): void {
    this.ended = this.marked;
  }

  flush(): void {
    if (this.ended !== null) this.insert(this.ended);
    this.ended = null;
  }
}

/** Notes the ends of the waiting tasks with rows of their own from one id to another. */
export function pendingEndNoter(database: Connection): (first: number, last: number) => void {
  const select = database
    .prepare<[number, number], InvocationId>(
      `SELECT i.id FROM invocation AS i JOIN submission AS s ON s.id = i.submission
       WHERE i.id BETWEEN ? AND ? AND i.state = 'PENDING' AND ${isMap}`,
    )
    .pluck();
  const noter = new EndNoter(database);
  return (first, last) => {
    for (const id of select.all(first, last)) noter.note(id);
    noter.flush();
  };
}

/** Notes the ends of tasks of one array that waited as a run. */
export function runEndNoter(
  database: Connection,
): (map: number, first: number, last: number) => void {
  const insert = endInsertion(database);
  return (map, first, last) => insert({ map, first, last });
}

/** It does nothing for an array of commands. */
function endInsertion(
  database: Connection,
): (ended: Pick<EndedTasks, "map" | "first" | "last">) => void {
  const insert = database.prepare<{ map: number; first: number; last: number }>(
    `INSERT INTO map_end (map, number, first_id, last_id)
     SELECT s.id, ${nextNumber}, @first, @last FROM submission AS s
     WHERE s.id = @map AND s.version IS NOT NULL`,
  );
  return ({ map, first, last }) => void insert.run({ map, first, last });
}

/** Returns a function that removes the first of a map's ends, or all of them. */
export function endPruner(database: Connection): (map: number, which: "first" | "all") => void {
  const removeAll = database.prepare<[number]>("DELETE FROM map_end WHERE map = ?");
  const first = "map = @map AND number = (SELECT min(number) FROM map_end WHERE map = @map)";
  const removeRow = database.prepare<{ map: number }>(
    `DELETE FROM map_end WHERE ${first} AND first_id = last_id`,
  );
  const shortenRow = database.prepare<{ map: number }>(
    `UPDATE map_end SET number = number + 1, first_id = first_id + 1 WHERE ${first}`,
  );
  return (map, which) => {
    if (which === "all") removeAll.run(map);
    else if (removeRow.run({ map }).changes === 0) shortenRow.run({ map });
  };
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
