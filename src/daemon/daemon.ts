// Assembles gleanerd: the one place where ports meet adapters, and the order of start and stop.

import { mkdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { Config } from "../config.js";
import type { Store } from "../core/ports/store.js";
import { LogRateLimit } from "../limits/rate-limit.js";
import { GleanerError, messageOf } from "../model/errors.js";
import { ProgramRunner } from "../processes/runner.js";
import { openStore } from "../store/sqlite/open.js";
import { Acceptor } from "./api/server/acceptor.js";
import { maxConnections } from "./api/server/connections.js";
import { listenForWakes, wakesFor } from "./capacity/wake.js";
import { listenForExecutors } from "./executors/door.js";
import { Overdue } from "./executors/overdue.js";
import { Cleaning } from "./functions/cleaning.js";
import { ClockSteps } from "./records/clock-steps.js";
import { Retention } from "./records/retention.js";
import { apiServer } from "./serve.js";
import { adaptersOf, databaseOf } from "./startup/adapters.js";
import { assemble, type Parts } from "./startup/assemble.js";
import { freePort } from "./startup/free-port.js";
import { recover } from "./startup/recovery.js";
import { closeApi, inTime } from "./startup/shutdown.js";

export interface Daemon {
  /** Executors continue without us for orphanMs, and the next daemon adopts them. */
  stop(): Promise<void>;
  /** Stops the executors too, so that nothing is left running. */
  stopAll(): Promise<void>;
}

export interface DaemonOptions {
  readonly config: Config;
  readonly version: string;
  /** The bundled store worker, with its migrations beside it. */
  readonly storeWorkerFile: string;
  /** glean-acceptor. */
  readonly acceptorFile: string;
  /** The bundled helper that starts programs. */
  readonly helperFile: string;
  readonly log: Logger;
}

/**
 * Starts everything; resolves once the API answers. Rejects with one sentence if something is
 * missing.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, log } = options;
  requireOwnName(config.munge.daemonUser);
  prepareDirectory(config.stateDirectory);
  prepareDirectory(config.logDirectory);
  const lost = new LogRateLimit();
  const programs = new ProgramRunner(options.helperFile, (sentence) =>
    lost.say((suppressed) => log.warn({ suppressed }, sentence)),
  );
  const adapters = adaptersOf(config, programs.run);
  const { tls = null } = adapters;
  const store = await openStore(
    databaseOf(config),
    options.storeWorkerFile,
    adapters.secrets.ledgerKey(),
  );
  const parts = assemble(config, store, adapters, log);
  await recover(parts, store);
  const { host, apiPort, executorPort } = config.listen;
  await freePort("listen.executorPort", host, executorPort);
  const executorServer = await listenForExecutors(config, parts, tls, log);
  const wakeSocket = await listenForWakes(host, executorPort, wakesFor(parts));
  const api = await apiServer({ ...options, runProgram: programs.run }, store, parts, tls);
  await freePort("listen.apiPort", host, apiPort);
  await listenForClients(api, config);
  const acceptor = new Acceptor(options.acceptorFile, log);
  acceptor.serve(api.server);
  log.info({ version: options.version, listen: config.listen }, "gleanerd is ready");
  void parts.capacity.start();
  const endRounds = startRounds(config, store, parts, log);

  const stop = async (): Promise<void> => {
    parts.waiters.close();
    parts.leases.close();
    await Promise.all([
      inTime(log, "the capacity loop", parts.capacity.stop()),
      inTime(log, "removing old records", endRounds()),
      inTime(log, "requests under way", closeApi(api, acceptor)),
    ]);
    wakeSocket.close();
    executorServer.close();
    // Comes last, so that the ends reported meanwhile are recorded.
    parts.executors.close();
    await inTime(log, "connections to nodes", parts.launcher.close());
    await inTime(
      log,
      "records for reports",
      Promise.all([parts.recorder.flush(), parts.learning.save()]),
    );
    await inTime(log, "the database", store.close());
    programs.close();
    log.info("gleanerd has stopped");
  };
  const stopAll = async (): Promise<void> => {
    await parts.capacity.stop();
    await parts.drains.dismissAll("gleanerd stops");
    await stop();
  };
  return { stop, stopAll };
}

/** Starts the periodic work; returns a function that ends it. */
function startRounds(
  config: Config,
  store: Store,
  parts: Parts,
  log: Logger,
): () => Promise<unknown> {
  const retention = new Retention(
    store,
    { retainDays: config.store.retainDays, keepResultsMs: config.results.keepMs },
    log,
  );
  const overdue = new Overdue({ ...parts, graceMs: config.functions.killWaitMs });
  const { keepUnusedMs } = config.blobs;
  const inUse = () => parts.live.versions();
  const cleaning = new Cleaning(parts.blobs, store, inUse, keepUnusedMs, log);
  const clockSteps = new ClockSteps(log);
  retention.start();
  cleaning.start();
  clockSteps.start();
  overdue.start();
  return () => {
    overdue.stop();
    return Promise.all([retention.stop(), cleaning.stop(), clockSteps.stop()]);
  };
}

async function listenForClients(api: FastifyInstance, { listen }: Config): Promise<void> {
  await api.listen({
    host: listen.host,
    port: listen.apiPort,
    // The kernel's limit may be lower; connections that wait to be accepted are not refused yet.
    backlog: maxConnections,
  });
}

/** Clients make credentials that only this user can have decoded. */
function requireOwnName(daemonUser: string): void {
  const { uid, username } = userInfo();
  if (daemonUser !== username && daemonUser !== String(uid))
    throw new GleanerError(
      "CONFIG",
      `munge.daemonUser is ${daemonUser} and gleanerd runs as ${username}, so no client could authenticate: set munge.daemonUser to ${username}`,
    );
}

/** Made for root alone when missing; refused when others could write to it. */
function prepareDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new GleanerError("CONFIG", `cannot create ${path}: ${messageOf(cause)}`, { cause });
  }
  const { mode, uid } = statSync(path);
  if (uid !== process.getuid!() || (mode & 0o022) !== 0)
    throw new GleanerError(
      "CONFIG",
      `${path} must belong to the user who runs gleanerd and be writable by no other: chown and chmod 700 it`,
    );
}
