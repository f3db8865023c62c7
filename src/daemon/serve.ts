// Builds the API's server with all its routes from the daemon's parts; it does not listen yet.

import { userInfo } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { Config } from "../config.js";
import { wholeNodeOf } from "../core/capacity/largest-node.js";
import type { Store } from "../core/ports/store.js";
import type { Where } from "../model/invocation.js";
import type { ResourceRequest } from "../model/resources.js";
import type { RunProgram } from "../processes/run.js";
import { maxEnvironmentBytes, maxScriptBytes } from "../wire/api/limits.js";
import { authorityHandlers } from "./api/authority.js";
import { billingHandlers } from "./api/billing.js";
import { blobHandlers } from "./api/blobs.js";
import type { CallRoutes } from "./api/calls/accepting.js";
import type { CallServing } from "./api/calls/connection.js";
import { serveCallConnections } from "./api/calls/connections.js";
import { answerOne } from "./api/calls/synchronous.js";
import { callHandlers, checkHandlers } from "./api/calls.js";
import { holdHandlers } from "./api/cancel.js";
import { clusterHandlers } from "./api/cluster.js";
import { debuggingHandlers } from "./api/debugging.js";
import { functionHandlers } from "./api/functions.js";
import { invocationHandlers } from "./api/invocations.js";
import { leaseHandlers } from "./api/leases/leases.js";
import { mapHandlers } from "./api/maps/maps.js";
import { refusalHandlers } from "./api/reports/refusals.js";
import { type Handlers, register } from "./api/server/register.js";
import { createServer } from "./api/server/server.js";
import { Access } from "./auth/access.js";
import { Accounts } from "./auth/accounts.js";
import { Audit } from "./auth/audit.js";
import { MungeAuthenticator } from "./auth/munge.js";
import type { TlsFiles } from "./auth/tls.js";
import { TokenEpochs } from "./auth/token-epochs.js";
import { examine } from "./doctor.js";
import { BundleChecks } from "./functions/bundles.js";
import { Directory } from "./functions/directory.js";
import { CallIds, recordingFirst } from "./invocations/call-records.js";
import { timeLimitsOf } from "./invocations/time-limits.js";
import type { Rounds } from "./records/rounds.js";
import { Changes } from "./scheduling/changes.js";
import type { Parts } from "./startup/assemble.js";
import { warmAfterMs, warmRounds } from "./warm.js";

export interface ApiOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  readonly runProgram: RunProgram;
}

export async function apiServer(
  { config, version, log, runProgram }: ApiOptions,
  store: Store,
  parts: Parts,
  tls: TlsFiles | null,
): Promise<FastifyInstance> {
  const epochs = await TokenEpochs.load(store);
  const audit = new Audit(store, log);
  const server = createServer({
    tls,
    secrets: parts.secrets,
    munge: new MungeAuthenticator(config.munge.socket, runProgram),
    operators: config.access.operators,
    tokenMs: config.access.tokenMs,
    epochs,
    audit,
    log,
  });
  server.addHook("onClose", async () => audit.close());
  const { binDirectory } = config.slurm;
  const sacctmgr = binDirectory === null ? undefined : join(binDirectory, "sacctmgr");
  const accounts = new Accounts(sacctmgr, runProgram);
  const access = new Access(accounts, config.access);
  const admission = admissionOf(config);
  const largestNode = (where?: Where) => parts.capacity.largestNode(where);
  const isPilot = config.placement.launcher === "pilot";
  const wholeNode = (need: ResourceRequest, where?: Where) =>
    wholeNodeOf(parts.capacity.nodesFor(where), config.placement.memoryMarginMb, isPilot, need);
  const directory = new Directory({ ...parts, store, accounts });
  const readable = recordingFirst(store, parts.live.unrecorded);
  const callIds = new CallIds(store);
  const limits = { access, admission, largestNode, wholeNode, directory };
  const bundleChecks = new BundleChecks();
  const common = { ...parts, ...limits, store: readable, accounts, callIds, bundleChecks };
  const handlers: Omit<Handlers, "challenge" | "token" | "openApi"> = {
    ...invocationHandlers({ ...common, log }),
    ...holdHandlers({ ...common, changes: new Changes({ ...parts, store, admission }) }),
    ...callHandlers(common),
    ...mapHandlers(common),
    ...leaseHandlers({ ...common, leasePolicy: config.leases }),
    ...blobHandlers(common),
    ...functionHandlers(common),
    ...checkHandlers(common),
    ...debuggingHandlers(common),
    ...clusterHandlers({
      ...parts,
      version,
      store: readable,
      examine: () => examine({ ...parts, config, version, store, accounts }),
    }),
    ...refusalHandlers({ store }),
    ...billingHandlers({ store: readable, accounts }),
    ...authorityHandlers({ store, accounts, epochs, audit }),
  };
  register(server, handlers);
  serveCallConnections(server, { ...parts, answer: answering(common) });
  for (const each of warmRounds(config, common, log)) repeat(server, each);
  return server;
}

const answering =
  (deps: CallRoutes): CallServing["answer"] =>
  (caller, asked, gone) =>
    answerOne(deps, caller, asked, gone);

function repeat(server: FastifyInstance, rounds: Rounds): void {
  server.addHook("onListen", async () => rounds.start(warmAfterMs));
  server.addHook("onClose", async () => rounds.stop());
}

const admissionOf = (config: Config) => ({
  ...config.functions,
  ...timeLimitsOf(config),
  maxScriptBytes,
  maxEnvironmentBytes,
  allowRootFunctions: config.access.allowRootFunctions,
  ...onlyUser(),
});

/** Only root can act as another user. */
function onlyUser(): { onlyUser?: { uid: number; name: string } } {
  const { uid, username } = userInfo();
  return uid === 0 ? {} : { onlyUser: { uid, name: username } };
}
