// Functions as they are listed, shown and called.

import type {
  FunctionFilter,
  FunctionRecord,
  FunctionSummary,
  FunctionVersion,
  FunctionVersionRow,
} from "../../../../core/ports/functions.js";
import type { FunctionSettings } from "../../../../model/functions/settings.js";
import type { VersionId, VersionKey } from "../../../../model/ids.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";

const versionColumns =
  "v.id AS key, v.version, v.runtime, b.bytes, v.deployed_at_ms AS deployedAtMs";
const versionTables = `function_version AS v
  JOIN blob AS b ON b.owner_uid = v.owner_uid AND b.sha256 = v.version`;

export function functionReads(
  database: Connection,
): Operations<"listFunctions" | "loadFunction" | "loadVersion" | "listMinWarm"> {
  return {
    listFunctions: functionLister(database),
    loadFunction: functionLoader(database),
    ...versionReads(database),
  };
}

interface OwnerColumns {
  readonly uid: number;
  readonly user: string;
}

type SummaryRow = Omit<FunctionSummary, "owner"> & OwnerColumns;

function functionLister(database: Connection): Operations<"listFunctions">["listFunctions"] {
  const select = database.prepare<
    { ownerUid: number | null; uid: number | null; groups: string; limit: number },
    SummaryRow
  >(
    `SELECT f.owner_uid AS uid, f.owner_user AS user, f.name, f.sharing, v.version, v.runtime,
       v.deployed_at_ms AS deployedAtMs, count(*) AS versions, sum(b.bytes) AS bytes
     FROM function AS f
       JOIN function_alias AS a ON a.function = f.id AND a.alias = 'latest'
       JOIN function_version AS v ON v.id = a.version
       JOIN function_version AS every ON every.function = f.id AND every.removed_at_ms IS NULL
       JOIN blob AS b ON b.owner_uid = every.owner_uid AND b.sha256 = every.version
     WHERE (@ownerUid IS NULL OR f.owner_uid = @ownerUid)
       AND (@uid IS NULL OR f.owner_uid = @uid OR f.sharing = 'all'
         OR f.sharing IN (SELECT 'group:' || value FROM json_each(@groups)))
     GROUP BY f.id ORDER BY f.owner_user, f.owner_uid, f.name LIMIT @limit`,
  );
  return ({ ownerUid, visibleTo, limit }: FunctionFilter) => {
    const { uid = null, groups = [] } = visibleTo ?? {};
    const asked = {
      ownerUid: ownerUid ?? null,
      uid,
      groups: JSON.stringify(groups),
      limit: limit + 1,
    };
    const rows = select.all(asked);
    const functions = rows.slice(0, limit).map(({ uid, user, ...rest }) => ({
      owner: { uid, user },
      ...rest,
    }));
    return { functions, truncated: rows.length > limit };
  };
}

function functionLoader(database: Connection): Operations<"loadFunction">["loadFunction"] {
  const find = database.prepare<
    [number, string],
    OwnerColumns & Pick<FunctionRecord, "id" | "name" | "sharing">
  >(
    `SELECT id, owner_uid AS uid, owner_user AS user, name, sharing FROM function
     WHERE owner_uid = ? AND name = ?`,
  );
  const aliases = database.prepare<[number], { alias: string; version: VersionId }>(
    `SELECT a.alias, v.version FROM function_alias AS a JOIN function_version AS v ON v.id = a.version
     WHERE a.function = ? ORDER BY a.alias`,
  );
  const versions = database.prepare<[number], FunctionVersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables}
     WHERE v.function = ? AND v.removed_at_ms IS NULL ORDER BY v.deployed_at_ms DESC, v.id DESC`,
  );
  return (ownerUid, name) => {
    const found = find.get(ownerUid, name);
    if (found === undefined) return null;
    const { uid, user, ...rest } = found;
    const known = versions.all(rest.id);
    if (known.length === 0) return null;
    return { ...rest, owner: { uid, user }, aliases: aliases.all(rest.id), versions: known };
  };
}

type VersionRow = OwnerColumns &
  FunctionVersionRow & { readonly name: string; readonly settings: string };

function versionReads(database: Connection): Operations<"loadVersion" | "listMinWarm"> {
  const columns = `${versionColumns}, v.settings, f.name, f.owner_uid AS uid, f.owner_user AS user`;
  const select = database.prepare<[VersionKey], VersionRow>(
    `SELECT ${columns} FROM ${versionTables} JOIN function AS f ON f.id = v.function
     WHERE v.id = ?`,
  );
  const selectWarm = database.prepare<[], VersionRow>(
    `SELECT ${columns} FROM ${versionTables} JOIN function AS f ON f.id = v.function
       JOIN function_alias AS a ON a.version = v.id AND a.alias = 'latest'
     WHERE json_extract(v.settings, '$.minWarm') > 0 ORDER BY f.owner_uid, f.name`,
  );
  return {
    loadVersion(key) {
      const row = select.get(key);
      return row === undefined ? null : versionOf(row);
    },
    listMinWarm: () => selectWarm.all().map(versionOf),
  };
}

const versionOf = ({ uid, user, settings, ...rest }: VersionRow): FunctionVersion => ({
  ...rest,
  owner: { uid, user },
  settings: JSON.parse(settings) as FunctionSettings,
});
