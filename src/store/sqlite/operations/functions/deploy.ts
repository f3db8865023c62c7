// Records deployments of functions: the version, the alias `latest`, and the limits.

import type { Deployed, DeployLimits, Deployment } from "../../../../core/ports/functions.js";
import { counted } from "../../../../model/counted.js";
import { GleanerError } from "../../../../model/errors.js";
import { latest } from "../../../../model/functions/reference.js";
import type { VersionId, VersionKey } from "../../../../model/ids.js";
import type { Connection } from "../../database.js";

/** Each version has its own: a client repeats a request within minutes. */
const maxRememberedRequests = 100;

interface Found {
  readonly key: VersionKey;
  readonly removedAtMs: number | null;
}

export function deployer(
  database: Connection,
): (deployment: Deployment, limits: DeployLimits) => Deployed {
  const hasBundle = database.prepare<[number, string]>(
    "SELECT 1 FROM blob WHERE owner_uid = ? AND sha256 = ?",
  );
  const functionFor = functionKeeper(database);
  const findVersion = database.prepare<[number, string, string], Found>(
    `SELECT v.id AS key, v.removed_at_ms AS removedAtMs
     FROM function AS f JOIN function_version AS v ON v.function = f.id
     WHERE f.owner_uid = ? AND f.name = ? AND v.version = ?`,
  );
  const insert = database.prepare(
    `INSERT INTO function_version (function, owner_uid, version, settings, runtime, deployed_at_ms)
     VALUES (@id, @uid, @version, @settings, @runtime, @deployedAtMs)`,
  );
  const renew = database.prepare(
    `UPDATE function_version SET deployed_at_ms = @deployedAtMs, removed_at_ms = NULL
     WHERE id = @key`,
  );
  const point = database.prepare<[number, string, number]>(
    `INSERT INTO function_alias (function, alias, version) VALUES (?, ?, ?)
     ON CONFLICT (function, alias) DO UPDATE SET version = excluded.version`,
  );
  const requests = deployRequests(database);
  const makeRoom = roomMaker(database);
  return (deployment, limits) => {
    const { owner, name, version, settings, requestId, deployedAtMs } = deployment;
    if (hasBundle.get(owner.uid, version) === undefined)
      throw new GleanerError(
        "NOT_FOUND",
        `gleanerd does not have your bundle ${version}: send it with PUT /v1/blobs/${version}`,
      );
    const known = findVersion.get(owner.uid, name, version);
    // A request that is sent again changes nothing, also if what it deployed was removed meanwhile.
    if (known !== undefined && requests.knows(known.key, requestId))
      return { key: known.key, isKnown: true, removed: [] };
    const isKnown = known !== undefined && known.removedAtMs === null;
    const id = functionFor(deployment, limits.maxFunctions);
    const given = { id, uid: owner.uid, version, deployedAtMs };
    const { runtime } = settings;
    const key =
      known?.key ??
      (Number(
        insert.run({ ...given, runtime, settings: JSON.stringify(settings) }).lastInsertRowid,
      ) as VersionKey);
    if (known !== undefined) renew.run({ key, deployedAtMs });
    requests.remember(key, requestId);
    point.run(id, latest, key);
    return { key, isKnown, removed: makeRoom(id, name, limits.maxVersions, deployedAtMs) };
  };
}

/** The requests that deployed a version, not its last one alone: an older one may come again. */
function deployRequests(database: Connection) {
  const find = database.prepare<[number, string]>(
    "SELECT 1 FROM deploy_request WHERE version = ? AND request_id = ?",
  );
  const insert = database.prepare<[number, string]>(
    "INSERT INTO deploy_request (version, request_id) VALUES (?, ?)",
  );
  const forget = database.prepare<{ key: number; most: number }>(
    `DELETE FROM deploy_request WHERE version = @key AND id NOT IN
       (SELECT id FROM deploy_request WHERE version = @key ORDER BY id DESC LIMIT @most)`,
  );
  return {
    knows: (key: VersionKey, requestId: string): boolean => find.get(key, requestId) !== undefined,
    remember(key: VersionKey, requestId: string): void {
      insert.run(key, requestId);
      forget.run({ key, most: maxRememberedRequests });
    },
  };
}

/** Returns a function that gives the id of a deployment's function, new or not. */
function functionKeeper(database: Connection) {
  const find = database
    .prepare<[number, string], number>("SELECT id FROM function WHERE owner_uid = ? AND name = ?")
    .pluck();
  const count = database
    .prepare<[number], number>(
      `SELECT count(*) FROM function AS f WHERE owner_uid = ?
         AND EXISTS (SELECT 1 FROM function_alias AS a WHERE a.function = f.id)`,
    )
    .pluck();
  const insert = database.prepare<[number, string, string]>(
    "INSERT INTO function (owner_uid, owner_user, name, sharing) VALUES (?, ?, ?, 'none')",
  );
  const update = database.prepare<{ id: number; user: string; sharing: string | null }>(
    "UPDATE function SET owner_user = @user, sharing = coalesce(@sharing, sharing) WHERE id = @id",
  );
  const hasVersions = database.prepare<[number]>("SELECT 1 FROM function_alias WHERE function = ?");
  return ({ owner, name, sharing }: Deployment, maxFunctions: number): number => {
    const found = find.get(owner.uid, name);
    const isLive = found !== undefined && hasVersions.get(found) !== undefined;
    if (!isLive && count.get(owner.uid)! >= maxFunctions)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${counted(maxFunctions, "function")}, which is the limit for one user (functions.maxFunctions): remove some with glean function remove`,
      );
    const id = found ?? Number(insert.run(owner.uid, owner.user, name).lastInsertRowid);
    update.run({ id, user: owner.user, sharing: sharing ?? null });
    return id;
  };
}

/** Returns a function that removes the oldest versions without an alias, beyond a number. */
function roomMaker(database: Connection) {
  const count = database
    .prepare<[number], number>(
      "SELECT count(*) FROM function_version WHERE function = ? AND removed_at_ms IS NULL",
    )
    .pluck();
  const remove = database
    .prepare<{ id: number; excess: number; atMs: number }, VersionId>(
      `UPDATE function_version SET removed_at_ms = @atMs WHERE id IN
         (SELECT v.id FROM function_version AS v WHERE v.function = @id AND v.removed_at_ms IS NULL
            AND NOT EXISTS (SELECT 1 FROM function_alias AS a WHERE a.version = v.id)
          ORDER BY v.deployed_at_ms, v.id LIMIT @excess)
       RETURNING version`,
    )
    .pluck();
  return (id: number, name: string, maxVersions: number, atMs: number): readonly VersionId[] => {
    const excess = count.get(id)! - maxVersions;
    if (excess <= 0) return [];
    const removed = remove.all({ id, excess, atMs });
    if (removed.length < excess)
      throw new GleanerError(
        "LIMIT_REACHED",
        `${name} has ${counted(maxVersions, "version")}, which is the limit (functions.maxVersions), and an alias points to each: remove an alias with glean function remove ${name}@ALIAS`,
      );
    return removed;
  };
}
