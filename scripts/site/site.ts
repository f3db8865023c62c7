// A whole site on this machine: a real Slurm cluster, the hook in its slurm.conf, gleanerd, and the
// CLI.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { GleanerError } from "../../src/model/errors.js";
import { type Cluster, type ClusterOptions, startCluster } from "../cluster/cluster.js";
import { type Account, findAccount, type RunResult } from "../cluster/command.js";
import { accepts } from "../cluster/hosts.js";
import { portIsFree } from "../cluster/ports.js";
import { until } from "../cluster/until.js";
import {
  claimSitePorts,
  configure,
  install,
  installDaemonFor,
  type SiteFiles,
  type SitePorts,
  siteFiles,
} from "./settings.js";
import { unitStart } from "./unit.js";

/** gleanerd answers in half a second on an idle machine. */
const startDeadlineMs = 30_000;
const portDeadlineMs = 5_000;
/** How long executors have to leave when the site stops. */
const stopDeadlineMs = 20_000;
/**
 * gleanerd itself waits 35 s for a silent executor (executor.orphanMs and its margin) and 10 s for
 * each Slurm command (slurm.commandTimeoutMs); on a deliberately loaded machine all of this takes
 * longer.
 */
const endDeadlineMs = 120_000;

export interface SiteOptions extends Omit<ClusterOptions, "prolog" | "epilog"> {
  /** How slurm.conf runs the hook, as programs.hook of gleaner.yaml; default: prolog. */
  hook?: "prolog" | "spank" | "none";
  /** The user that runs gleanerd, a name from /etc/passwd; default: root. */
  daemonUser?: string;
  /** Sections of gleaner.yaml with keys that differ from a site's defaults. */
  config?: Record<string, Record<string, unknown>>;
}

/**
 * Starts cluster and daemon; they end with stop(), or with this process unless keep() was called.
 */
export async function startSite(options: SiteOptions): Promise<Site> {
  const ports = await claimSitePorts();
  try {
    return await startOn(ports, options);
  } catch (thrown) {
    ports.release();
    throw thrown;
  }
}

async function startOn(ports: SitePorts, options: SiteOptions): Promise<Site> {
  const files = siteFiles(options.dir);
  const { hook = "prolog", daemonUser, ...clusterOptions } = options;
  // slurmd loads plugins when it starts.
  const controller = options.hosts?.controller ?? "127.0.0.1";
  install(files, ports, controller);
  const cluster = await startCluster({ ...clusterOptions, ...hookOf(hook, files, options) });
  try {
    const programs = { ...(hook === "none" ? {} : { hook }), ...options.config?.programs };
    const who = { controller, daemonUser: daemonUser ?? userInfo().username };
    configure(files, cluster, ports, who, { ...options.config, programs });
    const account = daemonUser === undefined ? null : findAccount(daemonUser);
    const program = account === null ? files.daemon : installDaemonFor(account, files);
    const site = new Site(cluster, files, ports, controller, { account, program });
    await site.startDaemon();
    return site;
  } catch (thrown) {
    await cluster.stop();
    throw thrown;
  }
}

function hookOf(
  hook: "prolog" | "spank" | "none",
  files: SiteFiles,
  { slurmConfLines = [] }: SiteOptions,
) {
  if (hook === "none") return {};
  const plugin = ["PrologFlags=Alloc", `PlugStackConfig=${files.pluginStack}`];
  return hook === "prolog"
    ? { prolog: files.program("glean-prolog"), epilog: files.program("glean-epilog") }
    : { slurmConfLines: [...plugin, ...slurmConfLines] };
}

export class Site {
  private daemon: ChildProcess | null = null;
  /** Whether the daemon was told to end. */
  private isEnding = false;

  constructor(
    readonly cluster: Cluster,
    readonly files: SiteFiles,
    readonly ports: SitePorts,
    private readonly controller: string,
    private readonly daemonRun: { account: Account | null; program: string },
  ) {}

  /**
   * Resolves when the API answers; the error quotes the log. Throws while a daemon of the site
   * runs, or if another program listens in its place, whose answers would be mistaken for those of
   * the new daemon.
   */
  async startDaemon(): Promise<void> {
    if (this.daemonRuns)
      throw new GleanerError("BAD_REQUEST", `gleanerd runs already (pid ${this.daemonPid})`);
    // The last one may have been killed a moment ago, and what it started ends after it.
    await until(
      portDeadlineMs,
      async () => ((await portIsFree(this.ports.apiPort)) ? true : undefined),
      () =>
        new GleanerError("UNREACHABLE", `port ${this.ports.apiPort} is taken by another program`),
    );
    this.isEnding = false;
    const log = openSync(this.files.daemonLog, "a");
    const { account, program } = this.daemonRun;
    const { nodeOptions, environment } = unitStart();
    const daemon = spawn(
      process.execPath,
      [...nodeOptions, program, "--config", this.files.config],
      {
        cwd: "/",
        ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
        env: { PATH: this.cluster.env.PATH, ...environment },
        detached: true,
        stdio: ["ignore", log, log],
      },
    );
    closeSync(log);
    daemon.unref();
    this.daemon = daemon;
    await until(
      startDeadlineMs,
      async () => {
        if (!this.daemonRuns)
          throw this.notStarted(`it ended with ${daemon.signalCode ?? daemon.exitCode}`);
        return (await accepts(this.ports.apiPort, this.controller)) ? true : undefined;
      },
      () => this.notStarted("it does not answer"),
    );
  }

  private notStarted(what: string): GleanerError {
    return new GleanerError("UNREACHABLE", `gleanerd did not start (${what}); ${this.endOfLog()}`);
  }

  private endOfLog(): string {
    return `its log ${this.files.daemonLog} ends:\n${this.lastOfLog(10)}`;
  }

  /** The last `count` lines of gleanerd's log. */
  lastOfLog(count: number): string {
    const lines = readFileSync(this.files.daemonLog, "utf8").trim().split("\n");
    return lines.slice(-count).join("\n");
  }

  private get daemonRuns(): boolean {
    const { daemon } = this;
    return daemon !== null && daemon.exitCode === null && daemon.signalCode === null;
  }

  /**
   * Throws if gleanerd ended by itself, and quotes its log: everything measured since is useless.
   */
  assertDaemonDidNotCrash(): void {
    const { daemon } = this;
    if (daemon === null || this.daemonRuns || this.isEnding) return;
    const how = daemon.signalCode ?? `exit status ${daemon.exitCode}`;
    throw new GleanerError("UNREACHABLE", `gleanerd ended by itself (${how}); ${this.endOfLog()}`);
  }

  get daemonPid(): number {
    return this.daemon!.pid!;
  }

  /**
   * Sends a signal to gleanerd and waits for its end; if it has not ended within `withinMs`, leaves
   * it running and throws an error that quotes its log.
   */
  async endDaemon(
    signal: "SIGKILL" | "SIGTERM" | "SIGINT",
    withinMs = endDeadlineMs,
  ): Promise<void> {
    const daemon = this.daemon;
    if (daemon === null || !this.daemonRuns) return;
    this.isEnding = true;
    daemon.ref();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), withinMs);
    const ended = once(daemon, "exit", { signal: late.signal });
    daemon.kill(signal);
    try {
      await ended;
    } catch (cause) {
      daemon.unref();
      const what = `gleanerd (pid ${daemon.pid}) did not end within ${withinMs} ms of ${signal}`;
      throw new GleanerError("UNREACHABLE", `${what}; ${this.endOfLog()}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs the CLI as a user (default: ours), in the cluster's folder that all may write to. */
  glean(args: string[], options: { user?: string; timeoutMs?: number } = {}): Promise<RunResult> {
    const command = [this.files.cli, "--config", this.files.config, ...args];
    return this.cluster.run(process.execPath, command, options);
  }

  /**
   * Like glean(), but throws the CLI's own error message if it fails. Returns its standard output.
   */
  async gleanOrThrow(args: string[], options: { user?: string } = {}): Promise<string> {
    const result = await this.glean(args, options);
    if (result.exitCode !== 0)
      throw new GleanerError("BAD_REQUEST", `glean ${args.join(" ")}: ${result.stderr.trim()}`);
    return result.stdout;
  }

  /** Lets everything outlive this process. */
  async keep(): Promise<void> {
    await this.cluster.keep();
  }

  /** Ends gleanerd with its executors, then the cluster; whatever hangs is killed with it. */
  async stop(): Promise<void> {
    const killer = setTimeout(() => this.daemon?.kill("SIGKILL"), stopDeadlineMs);
    try {
      await this.endDaemon("SIGINT");
    } finally {
      clearTimeout(killer);
      await this.cluster.stop();
      this.ports.release();
    }
  }
}
