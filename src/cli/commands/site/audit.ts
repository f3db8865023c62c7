// `glean audit`: lists privileged actions and refusals, the newest first.

import { GleanerError } from "../../../model/errors.js";
import { type AuditAction, type AuditEvent, auditActions } from "../../../model/records/audit.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod, chosenUser } from "../../filters.js";
import { type Column, json, print, table } from "../../output.js";
import { quoted } from "../../values.js";
import { formatWhen } from "../../when.js";

interface Options {
  readonly user?: string;
  readonly action?: string;
  readonly starttime?: string;
  readonly endtime?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

const help = `
Examples:
  glean audit -u ada -S today
  glean audit --action drain -n 10`;

export const define: Define = (command, run) => {
  command
    .option("-u, --user <USER>", "only this user: a name or a uid")
    .option("--action <ACTION>", `one of ${auditActions.join(", ")}`)
    .option("-S, --starttime <TIME>", "start of the period (default: the first record)")
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("-n, --limit <N>", "list at most N entries (default: 100)")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(audit));
};

async function audit(context: Context, options: Options): Promise<number> {
  const query = { ...chosenUser(options), ...chosenPeriod(options), ...chosenAction(options) };
  const limit = limitOf(options.limit ?? "100");
  const answer = await (await context.client()).audit({ ...query, limit });
  print(options.json ? json(answer) : table(answer.events, columns, true));
  return exitStatus.done;
}

function chosenAction({ action }: Options): { action?: AuditAction } {
  if (action === undefined) return {};
  const known = auditActions.find((each) => each === action.toLowerCase());
  if (known === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `--action: invalid value ${quoted(action)}: expected one of ${auditActions.join(", ")}`,
    );
  return { action: known };
}

function limitOf(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text))
    throw new GleanerError(
      "BAD_REQUEST",
      `-n: invalid value ${quoted(text)}: expected a number from 1 to 99999`,
    );
  return Math.min(Number(text), 10_000);
}

const columns: readonly Column<AuditEvent>[] = [
  { title: "TIME", text: ({ atMs }) => formatWhen(atMs) },
  { title: "USER", text: ({ user, uid }) => `${user}(${uid})` },
  { title: "FROM", text: ({ source }) => source },
  { title: "ACTION", text: ({ action }) => action },
  { title: "SUBJECT", text: ({ subject }) => subject },
  { title: "DETAIL", text: ({ detail }) => detail },
];
