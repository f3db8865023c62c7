// Calls that are recorded after they were accepted: ids for them, and all of a call at once.

import type { CallRecord } from "../../../../core/ports/store.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";
import type { attemptWrites } from "../attempts.js";
import { idFinder, idReserver, requestFinder, submissionInsert } from "../invocations.js";

export function callRecordWrites(
  database: Connection,
  { beginAttempt, endAttempt }: ReturnType<typeof attemptWrites>,
): Operations<"reserveIds" | "recordCall"> {
  const nextId = idFinder(database);
  const useIds = idReserver(database);
  const findRequest = requestFinder(database);
  const insert = submissionInsert(database);
  return {
    reserveIds(count) {
      const first = nextId();
      useIds(first + count - 1);
      return first;
    },
    recordCall({ id, request, attempts }: CallRecord) {
      if (findRequest.get(request.requestId) !== undefined) return false;
      insert(id, request);
      for (const { attempt, result } of attempts) {
        beginAttempt(attempt);
        if (result !== null) endAttempt(result);
      }
      return true;
    },
  };
}
