// The configuration file: its keys, their defaults with reasons, and loading with sentences that help.

import { closeSync, openSync, readSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { access, user } from "./config/access.js";
import { isolation } from "./config/isolation.js";
import { tls } from "./config/tls.js";
import { GleanerError, messageOf } from "./model/errors.js";
import { nearest } from "./model/nearest.js";

const milliseconds = z.int().min(0).max(2_147_483_647);
const port = z.int().min(1).max(65_535);
const path = z.string().regex(/^\//, "must be an absolute path");
const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "must be letters, digits, . _ -");

const slurm = z.strictObject({
  /** null: what the Slurm commands find by themselves. */
  conf: path.nullable().default(null),
  /** Where sinfo, squeue and scontrol are; null: PATH. */
  binDirectory: path.nullable().default(null),
  /** A command that takes longer is killed; slurmctld's own message timeout is 10 s by default. */
  commandTimeoutMs: milliseconds.default(10_000),
});

const munge = z.strictObject({
  /** null: munge's own default socket. */
  socket: path.nullable().default(null),
  /** Whom gleanerd runs as: munge lets nobody else decode what clients prove themselves by. */
  daemonUser: user.default("root"),
});

const listen = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  /** The CLI's and the SDK's door. Below 1024, so that no user can pose as a daemon that is down and collect credentials. */
  apiPort: port.default(828),
  /** Executors connect here (TCP); node hooks send their wake-up here (UDP, the same number). */
  executorPort: port.default(829),
  /** The address that nodes reach `executorPort` by. */
  advertisedHost: z.string().min(1).default("127.0.0.1"),
  /** null: what passes over the network is not encrypted. */
  tls: tls.nullable().default(null),
});

const poll = z.strictObject({
  /** Sites hate pollers: every 5 s, as sinfo's own -i users do, unless a hook wakes us. */
  intervalMs: milliseconds.min(100).default(5_000),
  /** The least time between two reads, however often hooks speak. */
  minimumMs: milliseconds.min(20).default(250),
  /** An older snapshot starts nothing. */
  staleMs: milliseconds.min(500).default(15_000),
  /** The longest pause that a slow or failing slurmctld is given. */
  maximumMs: milliseconds.min(1_000).default(60_000),
});

const ssh = z.strictObject({
  user: name.default("root"),
  port: port.default(22),
  privateKey: path.default("/etc/gleaner/id_ed25519"),
  knownHosts: path.default("/etc/ssh/ssh_known_hosts"),
  connectTimeoutMs: milliseconds.default(10_000),
  /** Commands take milliseconds; a node that swaps may need seconds. */
  commandTimeoutMs: milliseconds.default(10_000),
  /** `node`, `binary`: programs.executor and programs.spawn are brought from this machine; a binary has Node in it. */
  executor: z.enum(["node", "binary", "installed"]).default("node"),
  /** On the nodes, root's alone: where what is brought lies. A cache, since what is missing is brought again. */
  directory: path.default("/var/cache/gleaner-programs"),
});

const pilot = z.strictObject({
  /** Of a lower PriorityTier than every other partition of its nodes; see docs/operating.md. */
  partition: name.default("gleaner"),
  /** null: what Slurm gives the user by default. */
  account: name.nullable().default(null),
  qos: name.nullable().default(null),
  /** Pilots that wait or start at once: each makes the scheduler think. */
  maxPending: z.int().min(1).max(64).default(4),
  /** One that has not started by then is taken back, and the node left alone for a while: Slurm has other plans with it. */
  pendingMs: milliseconds.min(1_000).default(60_000),
  /** One without work for so long ends itself; a start costs Slurm more than a few idle seconds. */
  idleMs: milliseconds.min(1_000).default(10_000),
  /** Twice functions.maxTimeLimitMs; a function gets three quarters of it at most. */
  timeLimitMs: milliseconds.min(60_000).default(7_200_000),
});

const placement = z.strictObject({
  /**
   * `local`: the nodes are this machine (tests, one-node sites); `ssh`: the daemon reaches each node by ssh; `pilot`: executors are
   * preemptible jobs, without root and without a hook.
   */
  launcher: z.enum(["local", "ssh", "pilot"]).default("local"),
  ssh: ssh.prefault({}),
  pilot: pilot.prefault({}),
  /** Partitions whose nodes may be harvested; null: all. */
  partitions: z.array(name).nullable().default(null),
  /** Partitions whose exclusive jobs leave to functions what their tasks did not ask for; none: nobody but the site knows its jobs. */
  exclusivePartitions: z.array(name).default([]),
  /** Never given to functions, per node: what system daemons and page cache live on. */
  memoryMarginMb: z.int().min(0).default(512),
  /** A hole that is predicted to end sooner is not worth a start (an executor is ready in ~0.3 s). */
  minimumHoleMs: milliseconds.default(2_000),
  /** Work is expected to have ended this long before a planned start: what a slow report of its end takes. */
  vacateMs: milliseconds.default(200),
});

const programs = z.strictObject({
  node: path.default("/usr/bin/node"),
  executor: path.default("/usr/lib/gleaner/glean-executor.cjs"),
  spawn: path.default("/usr/libexec/gleaner/glean-spawn"),
  /** What Slurm runs the hook by: Prolog= and Epilog= of slurm.conf, or `plugin` in plugstack.conf. */
  hook: z.enum(["prolog", "spank"]).default("prolog"),
  /** What slurm.conf's Prolog= and Epilog= name, or `prologWrapper` calls. */
  prolog: path.default("/usr/libexec/gleaner/glean-prolog"),
  epilog: path.default("/usr/libexec/gleaner/glean-epilog"),
  /** A prolog of the site's own that calls ours: then slurm.conf names this one. */
  prologWrapper: path.nullable().default(null),
  /** The SPANK plugin, letter by letter as in plugstack.conf on the nodes. */
  plugin: path.default("/usr/lib/gleaner/gleaner.so"),
});

const functions = z.strictObject({
  defaultMemoryPerCoreMb: z.int().min(1).default(1_000),
  defaultTimeLimitMs: milliseconds.min(1).default(600_000),
  maxTimeLimitMs: milliseconds.min(1).default(3_600_000),
  /**
   * Invocations in the queue at once, over all users: each holds about 1 kB of the daemon's memory. A user may have as many as
   * stay free for others: alone half of it.
   */
  maxPending: z.int().min(2).default(200_000),
  /** Scripts and environments of what is in the queue, on the disk of the state directory; a user's part as of maxPending. */
  maxDocumentsMb: z.int().min(1).default(8_192),
  /** As Slurm's MaxArraySize. */
  maxArrayTasks: z.int().min(1).default(10_000),
  /** GPU files of a node without their numbers, in the order of gres.conf; null: functions are not kept from GPUs that are not theirs. */
  gpuDevices: path.nullable().default("/dev/nvidia"),
  /** From SIGTERM to SIGKILL at a time limit or a cancel; Slurm's KillWait is 30 s, functions are shorter. */
  killWaitMs: milliseconds.default(2_000),
  /** Lost executors in a row before an invocation is taken for the cause. */
  maxLostAttempts: z.int().min(1).default(10),
});

const checkpoints = z.strictObject({
  /** On a file system that all nodes share, open to all users as /tmp is; null: each function's working directory. */
  directory: path.nullable().default(null),
  /** Invocations, over all users, that have or may get a folder; a user may have as many as stay free: alone an array of 10,000. */
  maxFolders: z.int().min(0).default(20_000),
  /** A folder that could not be removed for a week after the end is left to its owner. */
  keepMs: milliseconds.default(604_800_000),
});

const percent = z.int().min(0).max(100);

/** Batch jobs that suffer beside functions: each limit null where it is not looked at. */
const interference = z.strictObject({
  /** A job whose threads have a core each waits a few percent of the time; one with more threads than cores always does. */
  jobCpuPercent: percent.nullable().default(50),
  jobMemoryPercent: percent.nullable().default(10),
  /** What the node's processes waited beyond what functions did; nodes whose jobs have no cgroup of version 2 have nothing else. */
  nodeCpuPercent: percent.nullable().default(null),
  nodeMemoryPercent: percent.nullable().default(20),
  /** How often each executor looks: a few small files. */
  intervalMs: milliseconds.min(100).default(1_000),
  /** What goes by sooner was an accident. */
  sustainedMs: milliseconds.default(3_000),
  /** The first absence from the node, doubled each time up to the longest. */
  awayMs: milliseconds.min(1_000).default(60_000),
  longestAwayMs: milliseconds.min(1_000).default(3_600_000),
  /** Where Slurm makes its jobs' cgroups of version 2: %j is the job's id, %s at the end its SLUID (from 26.05 on), %n the node. */
  jobGroups: z
    .array(path)
    .max(16)
    .default([
      "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_%j",
      "/sys/fs/cgroup/system.slice/%n_slurmstepd.scope/job_%j",
      "/sys/fs/cgroup/system.slice/slurmstepd.scope/%s",
      "/sys/fs/cgroup/system.slice/%n_slurmstepd.scope/%s",
    ]),
});

const executor = z.strictObject({
  /** Without a daemon for this long, an executor kills its workers and leaves. */
  orphanMs: milliseconds.min(1_000).default(30_000),
});

const store = z.strictObject({
  /** A quarter for acct and reports. A million functions a day are some 300 MB a day; bills keep a sum for each user and day. */
  retainDays: z.int().min(1).max(36_500).default(90),
});

const rates = z.strictObject({
  /** 278 micro-credits a core-second: one credit a core-hour. */
  microCreditsPerCoreSecond: z.int().min(0).max(1_000_000_000).default(278),
  microCreditsPerGbSecond: z.int().min(0).max(1_000_000_000).default(28),
});

const schema = z.strictObject({
  stateDirectory: path.default("/var/lib/gleaner"),
  /** On every node, root's alone; sockets and marks of the hook. */
  runDirectory: path.default("/run/gleaner"),
  logDirectory: path.default("/var/log/gleaner"),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
  slurm: slurm.prefault({}),
  munge: munge.prefault({}),
  listen: listen.prefault({}),
  poll: poll.prefault({}),
  placement: placement.prefault({}),
  programs: programs.prefault({}),
  functions: functions.prefault({}),
  isolation: isolation.prefault({}),
  checkpoints: checkpoints.prefault({}),
  executor: executor.prefault({}),
  store: store.prefault({}),
  interference: interference.prefault({}),
  rates: rates.prefault({}),
  access: access.prefault({}),
});

export type Config = z.output<typeof schema>;

export const defaultConfigPath = "/etc/gleaner/gleaner.yaml";
/** Larger than any sane file; keeps a wrong path from filling memory. */
const maxConfigBytes = 1024 * 1024;

/** The file to read: `--config`, else `$GLEANER_CONF`, else /etc/gleaner/gleaner.yaml. */
export function configPath(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return option ?? environment.GLEANER_CONF ?? defaultConfigPath;
}

/** Reads and checks the file; throws a GleanerError of code CONFIG whose sentence names file, key and cure. */
export function loadConfig(file: string): Config {
  let bytes: Buffer;
  try {
    bytes = readStart(file);
  } catch (cause) {
    const hint = "write one (see configs/gleaner.yaml) or name it with --config or GLEANER_CONF";
    throw new GleanerError("CONFIG", `cannot read ${file} (${messageOf(cause)}): ${hint}`, {
      cause,
    });
  }
  if (bytes.length > maxConfigBytes)
    throw new GleanerError(
      "CONFIG",
      `${file} is larger than ${maxConfigBytes} bytes: is it the right file?`,
    );
  let value: unknown;
  try {
    value = parse(bytes.toString("utf8")) ?? {};
  } catch (cause) {
    throw new GleanerError("CONFIG", `${file} is not valid YAML: ${messageOf(cause)}`, { cause });
  }
  return parseConfig(value, file);
}

/** The whole file, or as much of it as shows that it is too large. */
function readStart(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.allocUnsafe(maxConfigBytes + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** Checks a value that was read already; `source` names it in sentences. */
export function parseConfig(value: unknown, source: string): Config {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0]!;
    const known = keysAt(issue.path);
    const full = [...issue.path, key].join(".");
    throw new GleanerError(
      "CONFIG",
      `${source}: unknown key ${full}; did you mean ${nearest(key, known)}? Known here: ${known.join(", ")}`,
    );
  }
  throw new GleanerError("CONFIG", `${source}: ${place || "the file"}: ${issue.message}`);
}

/** The keys known at a path of the defaults, which hold every key. */
function keysAt(at: readonly PropertyKey[]): string[] {
  let value: unknown = schema.parse({});
  for (const key of at) value = (value as Record<PropertyKey, unknown>)[key];
  return Object.keys(value as object);
}
