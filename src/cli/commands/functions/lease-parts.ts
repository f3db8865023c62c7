// `glean lease list`, `show` and `end`.

import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import type { LeaseView } from "../../../sdk/index.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { type Column, complain, json, print, printable, table } from "../../output.js";
import { parseIds, quoted } from "../../values.js";
import { part } from "./part.js";

interface Form {
  readonly json?: boolean;
}

export function defineLeaseParts(parent: Command, run: Run): void {
  part(parent, "list", "list your leases; operators see everybody's")
    .option("-n, --noheader", "no header line")
    .action(run(list));
  part(parent, "show", "show a lease with its workers")
    .argument("<lease>", "the lease's id")
    .action(run(show));
  part(parent, "end", "end leases; their workers finish what they run")
    .argument("<lease...>", "the leases' ids")
    .action(run(end));
}

const columns: readonly Column<LeaseView>[] = [
  { title: "LEASE", text: ({ id }) => String(id), right: true },
  { title: "FUNCTION", text: (lease) => lease.function },
  { title: "USER", text: ({ user }) => user },
  { title: "STATE", text: ({ state }) => state },
  { title: "WORKERS", text: ({ workers, wanted }) => `${workers.length}/${wanted}`, right: true },
  { title: "CPUS", text: ({ cores, workers }) => String(cores * workers.length), right: true },
  { title: "CALLS", text: (lease) => String(callsOf(lease)), right: true },
  { title: "HOT", text: ({ hotMs }) => hotOf(hotMs) },
  { title: "EXPIRES", text: ({ expiresInMs }) => secondsOf(expiresInMs), right: true },
];

const callsOf = ({ workers }: LeaseView): number =>
  workers.reduce((sum, { calls }) => sum + calls, 0);
const secondsOf = (ms: number): string => `${(ms / 1_000).toFixed(1)}s`;

function hotOf(hotMs: number): string {
  if (hotMs === -1) return "always";
  return hotMs === 0 ? "no" : `${hotMs}ms`;
}

async function list(context: Context, options: Form & { noheader?: boolean }): Promise<number> {
  const answer = await (await context.client()).leases.list();
  if (options.json) print(json(answer));
  else print(table(answer.leases, columns, options.noheader !== true));
  return exitStatus.done;
}

async function show(context: Context, text: string, options: Form): Promise<number> {
  const [id] = leaseIds([text]) as [number];
  const lease = await (await context.client()).leases.show(id);
  print(options.json ? json(withoutKeys(lease)) : `${linesOf(lease).map(printable).join("\n")}\n`);
  return exitStatus.done;
}

/** A key is a secret: programs get it over the API, and it never lands in a file or a terminal. */
const withoutKeys = ({ workers, ...lease }: LeaseView): LeaseView => ({
  ...lease,
  workers: workers.map((worker) => ({ ...worker, key: null })),
});

function linesOf(lease: LeaseView): string[] {
  const { id, user, state, reason, workers, wanted, waiting, cores, memoryMb } = lease;
  return [
    `Lease=${id} Function=${lease.function} User=${user} State=${state}`,
    `   Workers=${workers.length}/${wanted} Waiting=${waiting} CPUs/Worker=${cores} Memory/Worker=${memoryMb}M`,
    `   Hot=${hotOf(lease.hotMs)} IdleLimit=${secondsOf(lease.idleMs)} Expires=${secondsOf(lease.expiresInMs)}`,
    ...(reason === null ? [] : [`   Reason=${reason}`]),
    ...(lease.used === null ? [] : [usedOf(lease.used)]),
    ...workers.flatMap((worker) => {
      const inMs = worker.terminatingInMs;
      const ends = inMs === null ? "" : ` HoleEnds=${secondsOf(inMs)}`;
      return [
        `   ${worker.worker} Node=${worker.node} Port=${worker.port} State=${worker.disconnected ? "disconnected" : worker.state}${ends}`,
        `      as the worker says: Clients=${worker.clients} Calls=${worker.calls} InCalls=${secondsOf(worker.busyMs)} Spinning=${secondsOf(worker.spinMs)}`,
      ];
    }),
  ];
}

const usedOf = ({ callsCoreMs, hotCoreMs, heldCoreMs }: NonNullable<LeaseView["used"]>): string =>
  `   CoreTime: Calls=${secondsOf(callsCoreMs)} Spinning=${secondsOf(hotCoreMs)} HeldIdle=${secondsOf(heldCoreMs)}`;

/** Throws BAD_REQUEST for a task of a lease. */
function leaseIds(texts: readonly string[]): number[] {
  const ids = parseIds(texts);
  const task = ids.find((id) => id.includes("_"));
  if (task !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `${quoted(task)} is one worker of a lease: name the lease, or cancel it with glean cancel`,
    );
  return ids.map(Number);
}

const ofOneLease: ReadonlySet<string> = new Set(["NOT_FOUND", "NOT_ALLOWED"]);

/** Like scancel, goes on after one that cannot be ended. */
async function end(context: Context, words: string[], options: Form): Promise<number> {
  const { leases } = await context.client();
  const ended: { id: number; state: string }[] = [];
  let isDone = true;
  for (const id of leaseIds(words))
    try {
      ended.push({ id, ...(await leases.end(id)) });
    } catch (error) {
      if (!(error instanceof GleanerError) || !ofOneLease.has(error.code)) throw error;
      isDone = false;
      complain(error.message);
    }
  if (options.json) print(json({ leases: ended }));
  return isDone ? exitStatus.done : exitStatus.failed;
}
