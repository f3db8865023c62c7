// The files of a site around a cluster: where they are, and gleaner.yaml and hook.conf among them.

import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { cliFiles, madeFiles } from "../bundle/bundles.mjs";
import type { Cluster } from "../cluster/cluster.js";
import type { Account } from "../cluster/command.js";
import { claimBlock } from "../cluster/ports.js";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));

/**
 * What scripts/build.mjs builds and a site installs, where all users can reach it: a checkout may
 * be closed to them.
 */
const installed = [
  ...cliFiles,
  ...madeFiles,
  "gleanerd.cjs",
  "glean-executor.cjs",
  "glean-spawn",
  "glean-prolog",
  "glean-epilog",
  "gleaner.so",
];

export type SiteFiles = ReturnType<typeof siteFiles>;

/** The paths of Gleaner's part of the cluster folder `dir`. */
export function siteFiles(dir: string) {
  const home = join(dir, "gleaner");
  const programs = join(home, "programs");
  return {
    home,
    programs,
    program: (name: string) => join(programs, name),
    config: join(home, "gleaner.yaml"),
    state: join(home, "state"),
    run: join(home, "run"),
    logs: join(home, "log"),
    /** The code of functions, on every node. */
    cache: join(home, "cache"),
    daemonLog: join(home, "gleanerd.log"),
    /** What slurm.conf's PlugStackConfig names on a site whose hook is the plugin. */
    pluginStack: join(home, "plugstack.conf"),
    cli: join(programs, "glean.cjs"),
    /** The folder with `glean`, for PATH. */
    bin: join(home, "bin"),
    /** Stays in dist: it finds its compiled packages in the checkout. */
    daemon: join(dist, "gleanerd.cjs"),
  };
}

export interface Ports {
  readonly apiPort: number;
  readonly executorPort: number;
}

/**
 * A site's ports from before its cluster starts until it has stopped: gleanerd listens on them
 * seconds later, and again whenever a test restarts it.
 */
export interface SitePorts extends Ports {
  readonly release: () => void;
}

export async function claimSitePorts(): Promise<SitePorts> {
  const { first, release } = await claimBlock(2);
  return { apiPort: first, executorPort: first + 1, release };
}

/** Copies the programs, as an installation would: the hook finds its hook.conf beside itself. */
export function install(files: SiteFiles, ports: Ports, controller: string): void {
  mkdirSync(files.programs, { recursive: true, mode: 0o755 });
  for (const name of installed) {
    copyFileSync(join(dist, name), files.program(name));
    chmodSync(files.program(name), 0o755);
  }
  // The executor finds the runtimes beside itself.
  for (const name of readdirSync(dist).filter((each) => each.startsWith("glean-runtime-")))
    cpSync(join(dist, name), files.program(name), { recursive: true });
  const hook = [`runDir=${files.run}`, `wake=${controller}:${ports.executorPort}`, ""];
  writeFileSync(files.program("hook.conf"), hook.join("\n"), { mode: 0o600 });
  mkdirSync(files.bin, { mode: 0o755 });
  symlinkSync(files.cli, join(files.bin, "glean"));
  writeFileSync(files.pluginStack, `optional ${files.program("gleaner.so")}\n`, { mode: 0o644 });
}

/** They have compiled parts, so the daemon's bundle omits them: see scripts/bundle. */
const daemonPackages = ["better-sqlite3", "ssh2"];

/**
 * Copies the daemon, with its packages, to a place where an ordinary user can run it, and gives
 * that user the folders that it writes to. Returns its program.
 */
export function installDaemonFor(account: Account, files: SiteFiles): string {
  const folder = join(files.home, "daemon");
  mkdirSync(folder, { mode: 0o755 });
  for (const name of [
    "gleanerd.cjs",
    "program-helper.cjs",
    "store-worker.cjs",
    "glean-acceptor",
    "migrations",
  ])
    cpSync(join(dist, name), join(folder, name), { recursive: true });
  const copied = new Set<string>();
  for (const name of daemonPackages) copyPackage(name, join(folder, "node_modules"), copied);
  // Whose functions run reads their code in the cache.
  for (const [written, mode] of [
    [files.state, 0o700],
    [files.run, 0o700],
    [files.logs, 0o700],
    [files.cache, 0o755],
  ] as const) {
    mkdirSync(written, { mode });
    chownSync(written, account.uid, account.gid);
  }
  return join(folder, "gleanerd.cjs");
}

/** A package with everything that it depends on; missing optional ones are skipped. */
function copyPackage(name: string, to: string, copied: Set<string>): void {
  const from = join(packages, name);
  if (copied.has(name) || !existsSync(from)) return;
  copied.add(name);
  cpSync(from, join(to, name), { recursive: true, dereference: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  for (const each of Object.keys(dependencies)) copyPackage(each, to, copied);
}

/**
 * Writes gleaner.yaml; `change` overrides whole sections key by key. `daemonUser` runs gleanerd.
 */
export function configure(
  files: SiteFiles,
  cluster: Cluster,
  { apiPort, executorPort }: Ports,
  { controller, daemonUser }: { controller: string; daemonUser: string },
  change: Record<string, Record<string, unknown>>,
): void {
  const settings: Record<string, unknown> = {
    stateDirectory: files.state,
    runDirectory: files.run,
    logDirectory: files.logs,
    slurm: { conf: cluster.slurmConf },
    munge: { socket: cluster.mungeSocket, daemonUser },
    // Users that every Debian has for services.
    access: { serviceUsers: ["nobody", "daemon", "bin", "games"] },
    functions: { cacheDirectory: files.cache },
    listen: { apiPort, executorPort, host: controller, advertisedHost: controller },
    programs: {
      node: process.execPath,
      executor: files.program("glean-executor.cjs"),
      spawn: files.program("glean-spawn"),
      prolog: files.program("glean-prolog"),
      epilog: files.program("glean-epilog"),
      plugin: files.program("gleaner.so"),
    },
  };
  for (const [section, keys] of Object.entries(change))
    settings[section] = { ...(settings[section] as object | undefined), ...keys };
  writeFileSync(files.config, stringify(settings), { mode: 0o644 });
}
