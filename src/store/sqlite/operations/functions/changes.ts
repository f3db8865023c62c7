// Changes of functions after their deployment: aliases, sharing, removal.

import { counted } from "../../../../model/counted.js";
import { GleanerError } from "../../../../model/errors.js";
import type { Sharing } from "../../../../model/functions/settings.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";
import { deployer } from "./deploy.js";

export function functionWrites(
  database: Connection,
): Operations<
  | "deploy"
  | "setAlias"
  | "removeAlias"
  | "setSharing"
  | "removeFunction"
  | "removeVersion"
  | "pruneFunctions"
> {
  const removeAlias = database.prepare<[number, string]>(
    "DELETE FROM function_alias WHERE function = ? AND alias = ?",
  );
  const share = database.prepare<[Sharing, number]>("UPDATE function SET sharing = ? WHERE id = ?");
  const removeAliases = database.prepare<[number]>("DELETE FROM function_alias WHERE function = ?");
  const removeVersions = database.prepare<{ id: number; atMs: number }>(
    `UPDATE function_version SET removed_at_ms = @atMs
     WHERE function = @id AND removed_at_ms IS NULL`,
  );
  return {
    deploy: deployer(database),
    setAlias: aliasSetter(database),
    removeAlias: (id, alias) => removeAlias.run(id, alias).changes > 0,
    setSharing: (id, sharing) => void share.run(sharing, id),
    removeFunction(id, atMs) {
      removeAliases.run(id);
      removeVersions.run({ id, atMs });
      // A function that is deployed again under its name starts as a new one does.
      share.run("none", id);
    },
    removeVersion: versionRemover(database),
    pruneFunctions: pruner(database),
  };
}

function aliasSetter(database: Connection): Operations<"setAlias">["setAlias"] {
  const find = database
    .prepare<[number], number>(
      "SELECT function FROM function_version WHERE id = ? AND removed_at_ms IS NULL",
    )
    .pluck();
  const count = database
    .prepare<[number], number>("SELECT count(*) FROM function_alias WHERE function = ?")
    .pluck();
  const point = database.prepare<[number, string, number]>(
    `INSERT INTO function_alias (function, alias, version) VALUES (?, ?, ?)
     ON CONFLICT (function, alias) DO UPDATE SET version = excluded.version`,
  );
  return (key, alias, maxAliases) => {
    const id = find.get(key);
    if (id === undefined)
      throw new GleanerError("NOT_FOUND", "the version was removed meanwhile: deploy it again");
    point.run(id, alias, key);
    if (count.get(id)! > maxAliases)
      throw new GleanerError(
        "LIMIT_REACHED",
        `a function may have ${counted(maxAliases, "alias").replace(/s$/, "es")}: remove one with glean function remove NAME@ALIAS`,
      );
  };
}

function versionRemover(database: Connection): Operations<"removeVersion">["removeVersion"] {
  const aliases = database
    .prepare<[number], string>("SELECT alias FROM function_alias WHERE version = ? ORDER BY alias")
    .pluck();
  const remove = database.prepare<[number, number]>(
    "UPDATE function_version SET removed_at_ms = ? WHERE id = ? AND removed_at_ms IS NULL",
  );
  return (key, atMs) => {
    const [alias] = aliases.all(key);
    if (alias !== undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `the alias ${alias} points to this version: move it with glean function alias, or remove it, or remove the whole function`,
      );
    remove.run(atMs, key);
  };
}

function pruner(database: Connection): Operations<"pruneFunctions">["pruneFunctions"] {
  const removeVersions = database.prepare<{ beforeMs: number; inUse: string; limit: number }>(
    `DELETE FROM function_version WHERE id IN
       (SELECT id FROM function_version WHERE removed_at_ms < @beforeMs
          AND version NOT IN (SELECT value FROM json_each(@inUse)) LIMIT @limit)`,
  );
  const removeEmpty = database.prepare(
    `DELETE FROM function WHERE NOT EXISTS
       (SELECT 1 FROM function_version AS v WHERE v.function = function.id)`,
  );
  return (beforeMs, inUse, limit) => {
    const { changes } = removeVersions.run({ beforeMs, inUse: JSON.stringify(inUse), limit });
    if (changes > 0) removeEmpty.run();
    return changes;
  };
}
