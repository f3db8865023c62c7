// Scripts and environments: stored once for all identical submissions of a user, read when an
// attempt is about to run.

import { createHash } from "node:crypto";
import type { ChangedTerms } from "../../../core/ports/submissions.js";
import type { InvocationId } from "../../../model/ids.js";
import type { Submission } from "../../../model/invocation.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

type Terms = Omit<Submission, "command" | "environment">;

/** Without the limits that it had while it ran, which saveTerms() keeps beside its terms. */
function termsIn(text: string): Terms {
  const { timeLimits: _, ...terms } = JSON.parse(text) as Terms & Pick<ChangedTerms, "timeLimits">;
  return terms;
}

interface DocumentRow {
  readonly terms: string;
  readonly command: string;
  readonly environment: string;
}

/** The columns of a new submission that contain what the user sent. */
export interface DocumentColumns {
  readonly command: number;
  readonly environment: number;
  readonly terms: string;
}

export function documentKeeper(
  database: Connection,
): (uid: number, submission: Submission) => DocumentColumns {
  const find = database.prepare<[Buffer], number>("SELECT id FROM document WHERE hash = ?").pluck();
  const insert = database.prepare<[Buffer, string]>(
    "INSERT INTO document (hash, body) VALUES (?, ?)",
  );
  function keep(uid: number, value: unknown): number {
    const body = JSON.stringify(value);
    const hash = createHash("sha256").update(`${uid}\n`).update(body).digest();
    return find.get(hash) ?? Number(insert.run(hash, body).lastInsertRowid);
  }
  return (uid, { command, environment, ...terms }) => ({
    command: keep(uid, command),
    environment: keep(uid, environment),
    terms: JSON.stringify(terms satisfies Terms),
  });
}

/** Returns a function that removes a document, unless a submission still uses it. */
export function documentRemover(database: Connection): (id: number) => void {
  const remove = database.prepare<{ id: number }>(
    `DELETE FROM document WHERE id = @id
       AND NOT EXISTS (SELECT 1 FROM submission WHERE command = @id)
       AND NOT EXISTS (SELECT 1 FROM submission WHERE environment = @id)`,
  );
  return (id) => void remove.run({ id });
}

/** Returns a function that reads the submission with an id. */
export function submissionReader(database: Connection): (id: InvocationId) => Submission | null {
  const select = database.prepare<[number], DocumentRow>(
    `SELECT s.terms, c.body AS command, e.body AS environment FROM submission AS s
       JOIN document AS c ON c.id = s.command JOIN document AS e ON e.id = s.environment
     WHERE s.id = ?`,
  );
  return (id) => {
    const row = select.get(id);
    if (row === undefined) return null;
    const terms = termsIn(row.terms);
    const command = JSON.parse(row.command) as Submission["command"];
    const environment = JSON.parse(row.environment) as Submission["environment"];
    return { ...terms, command, environment };
  };
}

/** A script's text may be large, and a list shows none of it. */
export function submissionDescriber(
  database: Connection,
): Operations<"describeSubmissions">["describeSubmissions"] {
  const select = database.prepare<
    { ids: string; uid: number | null },
    { id: InvocationId; terms: string; command: string }
  >(
    `SELECT s.id, s.terms,
       CASE json_extract(c.body, '$.kind') WHEN 'script' THEN json_set(c.body, '$.body', '')
       ELSE c.body END AS command
     FROM submission AS s JOIN document AS c ON c.id = s.command
     WHERE s.id IN (SELECT value FROM json_each(@ids)) AND s.owner_uid = coalesce(@uid, s.owner_uid)
     ORDER BY s.id`,
  );
  return (ids, uid) =>
    select.all({ ids: JSON.stringify(ids), uid }).map(({ id, terms, command }) => {
      return {
        id,
        submission: { ...termsIn(terms), command: JSON.parse(command) as Submission["command"] },
      };
    });
}
