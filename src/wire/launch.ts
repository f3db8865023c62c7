// The launch specification, which an executor reads on standard input, and its check.

import type { PressureLimits } from "../model/capacity/pressure.js";
import type { ExecutorId, NodeName } from "../model/ids.js";
import { maxGpus } from "../model/resources.js";
import {
  budgetFields,
  factsFields,
  maxCores,
  maxTimerMs,
  milliseconds,
  path,
  percent,
} from "./checks.js";
import { type Isolation, isolation } from "./isolation.js";
import type { BudgetOrder, SiteFacts } from "./messages.js";
import { type Check, integer, list, object, optional, orNull, pattern, text } from "./shape.js";

/** The limit of listen.tls.ca: a few certificates, not a system's whole bundle. */
export const maxAuthorityBytes = 64 * 1024;

export interface PluginOrder {
  readonly file: string;
  readonly stack: string;
}

/** For an executor that is a Slurm job. */
export interface PilotOrder {
  /** It leaves after this time without work. */
  readonly idleMs: number;
}

/** The launcher passes it to `glean-executor` on standard input, as one line of JSON. */
export interface LaunchSpec extends SiteFacts {
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly daemonHost: string;
  readonly daemonPort: number;
  /** The trusted certificates in PEM if the connection is encrypted; if omitted, it is not. */
  readonly daemonCa?: string | undefined;
  /** In hex; proves each side to the other, and is never sent after the launch. */
  readonly secret: string;
  readonly runDirectory: string;
  readonly logFile: string;
  /** Programs on the node. */
  readonly spawnProgram: string;
  readonly hookProgram: string;
  /** Where the runtimes and the code of functions are kept on the node. */
  readonly cacheFolder: string;
  /** Where functions get folders for temporary files. */
  readonly temporaryDirectory: string;
  /** The hook is this SPANK plugin, listed in the file `stack`; null if it is the program. */
  readonly plugin: PluginOrder | null;
  readonly budget: BudgetOrder;
  /**
   * Where this node's slurmd stores its CPU numbering; null if nowhere, so that it follows hwloc.
   */
  readonly topologyFolder: string | null;
  /** This node's SlurmdSpoolDir, where job steps appear; null if Slurm does not report it. */
  readonly spoolFolder: string | null;
  /** The CPUs that Slurm counts on this node, including specialised ones. */
  readonly cpuTotal: number;
  /** The whole GPUs that Slurm counts on this node. */
  readonly gpuTotal: number;
  /** The names of GPU device files before their number; null if functions may open all. */
  readonly gpuDevices: string | null;
  /** From SIGTERM to SIGKILL at a time limit or cancel. */
  readonly killWaitMs: number;
  readonly isolation: Isolation;
  /** After this time without a daemon, the executor kills its workers and leaves. */
  readonly orphanMs: number;
  /** The pressure to report; null if none. */
  readonly pressure: PressureLimits | null;
  /**
   * Without a hook, in the job's own allocation; null if the executor runs outside Slurm's books.
   */
  readonly pilot: PilotOrder | null;
}

/** Path patterns of Slurm's cgroups. */
const maxJobGroups = 16;

const pressureLimits = object<PressureLimits>({
  jobCpuPercent: orNull(percent),
  jobMemoryPercent: orNull(percent),
  nodeCpuPercent: orNull(percent),
  nodeMemoryPercent: orNull(percent),
  intervalMs: integer(1, maxTimerMs),
  jobGroups: list(path, maxJobGroups),
});

const launchSpec = object<LaunchSpec>({
  executor: pattern(/^[A-Za-z0-9._:-]{1,128}$/) as Check<string> as Check<ExecutorId>,
  // The name becomes a folder's name.
  node: pattern(/^(?!\.)[A-Za-z0-9._-]{1,64}$/) as Check<string> as Check<NodeName>,
  daemonHost: pattern(/^[A-Za-z0-9.:_-]{1,255}$/),
  daemonPort: integer(1, 65_535),
  daemonCa: optional(text(maxAuthorityBytes)),
  secret: pattern(/^([0-9a-f]{2}){32,64}$/),
  runDirectory: path,
  logFile: path,
  spawnProgram: path,
  hookProgram: path,
  cacheFolder: path,
  temporaryDirectory: path,
  plugin: orNull(object<PluginOrder>({ file: path, stack: path })),
  budget: object<BudgetOrder>(budgetFields),
  ...factsFields,
  topologyFolder: orNull(path),
  spoolFolder: orNull(path),
  cpuTotal: integer(1, maxCores),
  gpuTotal: integer(0, maxGpus),
  gpuDevices: orNull(path),
  killWaitMs: integer(0, maxTimerMs),
  isolation,
  orphanMs: integer(1, maxTimerMs),
  pressure: orNull(pressureLimits),
  pilot: orNull(object<PilotOrder>({ idleMs: milliseconds })),
});

/** Throws a GleanerError with code PROTOCOL that names the field. */
export const checkLaunchSpec = (value: unknown): LaunchSpec => launchSpec(value, "the launch");
