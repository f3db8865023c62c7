// The program gleanerd: reads its configuration, starts the daemon, and stops it by signal.

import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { pino } from "pino";
import { configPath, loadConfig } from "../config.js";
import { GleanerError } from "../model/errors.js";
import { requireTrusted } from "../sdk/trusted-path.js";
import { loadTls } from "./auth/tls.js";
import { startDaemon } from "./daemon.js";
import { newProgram } from "./program.js";
import { withoutAliases } from "./startup/search-path.js";
import { requireTrustedPaths } from "./startup/trusted-paths.js";

/**
 * The latest exit after SIGTERM, whatever is in progress: executors wait longer for the next
 * gleanerd. Within 5 s it is gone, as the turn of the event loop and the statements of the database
 * that run at that moment end first.
 */
const exitMs = 4_000;

/**
 * The queue stays in memory and everything else is collected soon: V8 would otherwise let the heap
 * grow to a multiple of its contents.
 */
const collectOften = "--heap-growing-percent=30";

/**
 * Where other programs want the processors, threads that collect new objects together wait for each
 * other: a collection takes 17 to 30 ms instead of 5 to 7 (docs/notes/siege.md).
 */
const collectAlone = "--no-parallel-scavenge";

/** For files, which wait for the disk: node's own four would let others wait for them. */
const fileThreads = "8";

/** Defined by the build. */
declare const GLEANER_VERSION: string;

async function main(): Promise<void> {
  // Node reads it when it uses the first of them.
  process.env.UV_THREADPOOL_SIZE ??= fileThreads;
  for (const flag of [collectOften, collectAlone]) setFlagsFromString(flag);
  const { PATH } = process.env;
  if (PATH !== undefined) process.env.PATH = withoutAliases(PATH);
  const program = newProgram(GLEANER_VERSION).parse();
  const options = program.opts<{ config?: string; check?: boolean }>();
  const file = configPath(options.config, process.env);
  requireTrusted(file);
  const config = loadConfig(file);
  requireTrustedPaths(config);
  if (options.check) {
    loadTls(config.listen.tls);
    process.stdout.write(`${file} is valid\n`);
    return;
  }
  const log = pino({ name: "gleanerd", level: config.logLevel });
  const beside = (name: string) => join(dirname(process.argv[1]!), name);
  const daemon = await startDaemon({
    config,
    version: GLEANER_VERSION,
    storeWorkerFile: beside("store-worker.cjs"),
    acceptorFile: beside("glean-acceptor"),
    helperFile: beside("program-helper.cjs"),
    log,
  });
  // SIGTERM means a restart: the next daemon adopts the executors. Ctrl-C leaves nothing running.
  const leave = (stop: () => Promise<void>) => {
    setTimeout(() => process.exit(0), exitMs).unref();
    stop().then(
      () => process.exit(0),
      (cause: unknown) => {
        log.fatal({ cause }, "gleanerd could not stop cleanly");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", () => leave(daemon.stop));
  process.once("SIGINT", () => leave(daemon.stopAll));
  process.on("SIGHUP", () =>
    log.warn("SIGHUP is ignored: restart gleanerd to load a changed configuration"),
  );
}

main().catch((thrown: unknown) => {
  if (!(thrown instanceof GleanerError)) throw thrown;
  process.stderr.write(`gleanerd: ${thrown.message}\n`);
  process.exit(thrown.code === "CONFIG" ? 2 : 1);
});
