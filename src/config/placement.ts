// The section placement: where executors run, and how gleanerd starts them.

import { z } from "zod";
import { megabytes, milliseconds, name, path, port } from "./shapes.js";

const ssh = z
  .strictObject({
    user: name.default("root").describe("The user on the nodes. It must be root there."),
    port: port.default(22).describe("The port of sshd on the nodes."),
    privateKey: path
      .default("/etc/gleaner/id_ed25519")
      .describe("The private key, without a passphrase, readable by gleanerd's user alone (0600)."),
    knownHosts: path
      .default("/etc/ssh/ssh_known_hosts")
      .describe(
        "The host keys of the nodes, under the names that Slurm has as NodeAddr (else NodeName). gleanerd refuses an unknown key.",
      ),
    connectTimeoutMs: milliseconds
      .default(10_000)
      .describe("The time limit for looking up the name, TCP, handshake and key together."),
    commandTimeoutMs: milliseconds
      .default(10_000)
      .describe(
        "The time limit for each of the two or three commands that start an executor, and for the one that asks whether it runs.",
      ),
    executor: z
      .enum(["node", "binary", "installed"])
      .default("node")
      .describe(
        "`node`: gleanerd copies `programs.executor` and `programs.spawn` from its machine to the nodes, which need Node and the hook. `binary`: the same, and `programs.executor` is the single file that `node scripts/build.mjs glean-executor-binary` makes, with Node in it. `installed`: both programs are on the nodes already.",
      ),
    directory: path
      .default("/var/cache/gleaner-programs")
      .describe(
        "The folder on the nodes for the copied programs. It belongs to root alone and is not mounted noexec. gleanerd copies missing files again.",
      ),
  })
  .describe("The launcher `ssh`.");

const pilot = z
  .strictObject({
    partition: name
      .default("gleaner")
      .describe(
        "The partition of pilots. Its PriorityTier is lower than that of every other partition of its nodes, and its PreemptMode is CANCEL.",
      ),
    account: name
      .nullable()
      .default(null)
      .describe("The Slurm account of pilots. `null`: Slurm's default for gleanerd's user."),
    qos: name
      .nullable()
      .default(null)
      .describe("The QOS of pilots. `null`: Slurm's default for gleanerd's user."),
    maxPending: z
      .int()
      .min(1)
      .max(64)
      .default(4)
      .describe(
        "The number of pilots that may wait or start at the same time. Each costs Slurm's scheduler time.",
      ),
    pendingMs: milliseconds
      .min(1_000)
      .default(60_000)
      .describe(
        "gleanerd cancels a pilot that has not started within this time and leaves the node alone for a while.",
      ),
    idleMs: milliseconds
      .min(1_000)
      .default(10_000)
      .describe("A pilot that has no work for this time ends itself."),
    timeLimitMs: milliseconds
      .min(60_000)
      .default(7_200_000)
      .describe(
        "The time limit of each pilot, in whole minutes (shorter where Slurm plans to use the node). A function may have three quarters of it at most; gleanerd refuses a longer one.",
      ),
  })
  .describe("The launcher `pilot`.");

export const placement = z
  .strictObject({
    launcher: z
      .enum(["local", "ssh", "pilot"])
      .default("local")
      .describe(
        "How gleanerd starts executors. `local`: this machine is the only node. `ssh`: gleanerd reaches each node by ssh. `pilot`: executors are preemptible batch jobs, which need neither root nor a hook.",
      ),
    ssh: ssh.prefault({}),
    pilot: pilot.prefault({}),
    partitions: z
      .array(name)
      .nullable()
      .default(null)
      .describe(
        "The partitions whose nodes Gleaner may use, such as `[batch, long]`. A node in one of them is used, whatever other partitions it is in. `null`: all.",
      ),
    exclusivePartitions: z
      .array(name)
      .default([])
      .describe(
        "Partitions, such as `[whole]`, whose jobs get nodes of their own (OverSubscribe=EXCLUSIVE, `--exclusive`). Functions then get what the tasks of such a job did not ask for. List a partition only if its jobs ask for what they use.",
      ),
    memoryMarginMb: megabytes
      .default(512)
      .describe(
        "Memory of each node that functions never get: it is for system daemons, the executor (50 MB) and the page cache.",
      ),
    minimumHoleMs: milliseconds
      .default(2_000)
      .describe("gleanerd starts no executor in a hole that Slurm plans to close sooner."),
    vacateMs: milliseconds
      .default(200)
      .describe(
        "gleanerd starts a function only if it is expected to end this long before a job's planned start.",
      ),
    policy: z
      .enum(["prediction", "none"])
      .default("prediction")
      .describe(
        "How functions find their places, as in `glean simulate --policy`. `prediction`: by what gleanerd learned of holes and run times, so that more finish. `none`: in turn, in any hole; no length of function waits for better holes.",
      ),
  })
  .describe("Which nodes Gleaner uses, and how executors get there.");
