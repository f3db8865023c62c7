// Requests about functions: deploy, list, show, aliases, sharing, removal. A user changes only
// their own; an operator may change anybody's.

import { nowMs } from "../../clock.js";
import { warmMb } from "../../core/functions/warm-memory.js";
import type {
  FunctionRecord,
  FunctionSummary,
  FunctionVersion,
} from "../../core/ports/functions.js";
import type { Store } from "../../core/ports/store.js";
import type { SettingsPolicy } from "../../core/submission/settings.js";
import { GleanerError } from "../../model/errors.js";
import {
  latest,
  parseFunctionRef,
  shownVersion,
  type VersionSelector,
} from "../../model/functions/reference.js";
import { maxAliases } from "../../wire/api/limits.js";
import type { AskedOf, DeployAnswer, FunctionDetail, FunctionList } from "../../wire/api/types.js";
import type { Access } from "../auth/access.js";
import { admitBundle, type BundleParts } from "../functions/bundles.js";
import type { Catalog } from "../functions/catalog.js";
import { type Directory, select } from "../functions/directory.js";
import { describeWarm, type WarmViewDependencies } from "../functions/warm-view.js";
import type { StoppedFunctions } from "../invocations/stopped-functions.js";
import type { Caller } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { type UserNames, uidOf } from "./users.js";

export interface FunctionRoutes extends UserNames, BundleParts, WarmViewDependencies {
  readonly store: Pick<Store, "listFunctions" | "listMinWarm" | "uidNamed">;
  readonly catalog: Catalog;
  readonly directory: Directory;
  readonly stoppedFunctions: Pick<StoppedFunctions, "whyStopped" | "deployed">;
  readonly access: Pick<Access, "require">;
  readonly admission: SettingsPolicy & {
    readonly maxFunctions: number;
    readonly maxVersions: number;
    readonly maxWarmMbOfUser: number;
  };
}

type FunctionHandlers = Pick<
  Handlers,
  | "deploy"
  | "listFunctions"
  | "showFunction"
  | "removeFunction"
  | "removeVersion"
  | "setAlias"
  | "removeAlias"
  | "shareFunction"
>;

export function functionHandlers(deps: FunctionRoutes): FunctionHandlers {
  return {
    deploy: async ({ caller, body, request }) => {
      await deps.access.require(caller);
      const answer = await deploy(deps, caller, body);
      if (body.testOnly) return answer;
      const detail = `version ${answer.version}${body.sharing ? `, shared: ${body.sharing}` : ""}`;
      request.act = { action: "deploy", subject: `${caller.user}/${body.name}`, detail };
      return answer;
    },
    listFunctions: ({ caller, query }) => list(deps, caller, query),
    showFunction: ({ caller, params, query }) => show(deps, caller, params, query.version),
    ...changes(deps),
  };
}

function changes({
  catalog,
  directory,
}: FunctionRoutes): Omit<FunctionHandlers, "deploy" | "listFunctions" | "showFunction"> {
  const own = (caller: Caller, asked: Named, verb: string) => owned(directory, caller, asked, verb);
  return {
    removeFunction: async ({ caller, params, request }) => {
      const record = await own(caller, params, "remove");
      await catalog.remove(record, nowMs());
      const subject = labelOf(record);
      request.act = { action: "remove", subject };
      return { removed: `the function ${subject}` };
    },
    removeVersion: async ({ caller, params, request }) => {
      const record = await own(caller, params, "remove versions of");
      const { key, version } = select(record, selectorOf(params.version));
      await catalog.removeVersion(record, key, nowMs());
      request.act = { action: "remove", subject: labelOf(record), detail: `version ${version}` };
      return { removed: `version ${shownVersion(version)} of ${labelOf(record)}` };
    },
    setAlias: async ({ caller, params, body, request }) => {
      const record = await own(caller, params, "set aliases of");
      const { alias } = params;
      const { key, version } = select(record, selectorOf(body.version));
      await catalog.setAlias(record, key, alias, maxAliases);
      request.act = { action: "alias", subject: labelOf(record), detail: `${alias} is ${version}` };
      return { alias, version };
    },
    removeAlias: async ({ caller, params, request }) => {
      const record = await own(caller, params, "remove aliases of");
      const { alias } = params;
      if (alias === latest)
        throw new GleanerError(
          "BAD_REQUEST",
          `each deploy moves the alias ${latest}, and it stays as long as the function: remove the function, or let ${latest} point to another version`,
        );
      if (!(await catalog.removeAlias(record, alias)))
        throw new GleanerError("NOT_FOUND", `${labelOf(record)} has no alias ${alias}`);
      request.act = { action: "alias", subject: labelOf(record), detail: `${alias} removed` };
      return { removed: `the alias ${alias} of ${labelOf(record)}` };
    },
    shareFunction: async ({ caller, params, body, request }) => {
      const record = await own(caller, params, "share");
      await directory.requireGroup(body.sharing);
      await catalog.setSharing(record, body.sharing);
      request.act = { action: "share", subject: labelOf(record), detail: body.sharing };
      return body;
    },
  };
}

interface Named {
  readonly owner: string;
  readonly name: string;
}

const labelOf = ({ owner, name }: FunctionRecord): string => `${owner.user}/${name}`;

const ownerOf = ({ owner }: Named): string | null => (owner === "-" ? null : owner);

const selectorOf = (text: string): VersionSelector => parseFunctionRef(`x@${text}`).selector;

/** For a change; throws NOT_ALLOWED for one that is only shared with the caller. */
async function owned(
  directory: Directory,
  caller: Caller,
  asked: Named,
  verb: string,
): Promise<FunctionRecord> {
  const record = await directory.find(caller, ownerOf(asked), asked.name, caller.operator);
  if (record.owner.uid !== caller.uid && !caller.operator)
    throw new GleanerError(
      "NOT_ALLOWED",
      `${caller.user} may not ${verb} ${labelOf(record)}: ask ${record.owner.user}`,
    );
  return record;
}

/** Answers once the version is durable, or once it is checked. */
async function deploy(
  deps: FunctionRoutes,
  { uid, user }: Caller,
  { requestId, name, bundle: version, sharing, testOnly }: AskedOf<"deploy", "body">,
): Promise<DeployAnswer> {
  const { catalog, admission, directory } = deps;
  if (sharing !== undefined) await directory.requireGroup(sharing);
  const { settings } = await admitBundle(deps, uid, version);
  await requireWarmMemory(deps, uid, name, settings);
  if (testOnly) {
    const versions = (await catalog.find(uid, name))?.versions ?? [];
    const isNew = !versions.some((each) => each.version === version);
    return { owner: user, name, version, isNew, removed: [] };
  }
  const owner = { uid, user };
  const deployment = { requestId, owner, name, version, settings, deployedAtMs: nowMs() };
  const deployed = await catalog.deploy(
    { ...deployment, ...(sharing !== undefined && { sharing }) },
    admission,
  );
  deps.stoppedFunctions.deployed(version);
  return { owner: user, name, version, isNew: !deployed.isKnown, removed: deployed.removed };
}

/** Throws LIMIT_REACHED if the user's functions would keep more warm than the site allows. */
async function requireWarmMemory(
  { store, admission: { maxWarmMbOfUser } }: FunctionRoutes,
  uid: number,
  name: string,
  settings: FunctionVersion["settings"],
): Promise<void> {
  if (settings.minWarm === 0) return;
  const others = (await store.listMinWarm()).filter(
    (each) => each.owner.uid === uid && each.name !== name,
  );
  const othersMb = others.reduce((sum, each) => sum + warmMb(each.settings), 0);
  if (warmMb(settings) + othersMb <= maxWarmMbOfUser) return;
  throw new GleanerError(
    "LIMIT_REACHED",
    `--min-warm keeps ${warmMb(settings)} MB warm, your other functions ${othersMb} MB, and the limit for one user is ${maxWarmMbOfUser} MB (functions.maxWarmMbOfUser): ask for fewer workers or less memory`,
  );
}

async function list(
  deps: FunctionRoutes,
  caller: Caller,
  { user, limit }: AskedOf<"listFunctions", "query">,
): Promise<FunctionList> {
  const ownerUid = user === undefined ? undefined : await uidOf(deps, user);
  const { uid, operator } = caller;
  // Only these need the directories of groups.
  const needsGroups = !operator && ownerUid !== uid;
  const groups = needsGroups ? await deps.directory.groupsOf(caller) : [];
  const { functions, truncated } = await deps.store.listFunctions({
    ...(ownerUid === undefined ? {} : { ownerUid }),
    ...(operator ? {} : { visibleTo: { uid, groups } }),
    limit,
  });
  const stopped = ({ version }: FunctionSummary) => deps.stoppedFunctions.whyStopped(uid, version);
  return { functions: functions.map((each) => ({ ...each, stopped: stopped(each) })), truncated };
}

async function show(
  deps: FunctionRoutes,
  caller: Caller,
  asked: Named,
  version: string,
): Promise<FunctionDetail> {
  const { directory, catalog, stoppedFunctions } = deps;
  const record = await directory.find(caller, ownerOf(asked), asked.name, caller.operator);
  const selected = await catalog.version(select(record, selectorOf(version)).key);
  if (selected === null)
    throw new GleanerError("NOT_FOUND", `the version was removed meanwhile: show another one`);
  const { environment, ...settings } = selected.settings;
  const { owner, name, sharing, aliases } = record;
  const kind = { ...settings, uid: caller.uid, version: selected.version };
  // Workers are kept for the owner, of the version that latest names.
  const kept = aliases.find((each) => each.alias === latest)?.version;
  const isKept = owner.uid === caller.uid && kept === selected.version;
  const warm = describeWarm(deps, kind, { ...settings, minWarm: isKept ? settings.minWarm : 0 });
  return {
    ...{ owner, name, sharing, aliases },
    versions: record.versions.map(({ key: _, ...rest }) => ({
      ...rest,
      stopped: stoppedFunctions.whyStopped(caller.uid, rest.version),
    })),
    shown: { version: selected.version, settings, variables: Object.keys(environment), warm },
  };
}
