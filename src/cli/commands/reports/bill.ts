// `glean bill`: shows usage and its cost, or checks whether the ledger balances.

import { counted } from "../../../model/counted.js";
import { GleanerError } from "../../../model/errors.js";
import type { BillLine } from "../../../model/records/account.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod, chosenUser } from "../../filters.js";
import { type Column, complain, json, print, printable, table } from "../../output.js";

interface Options {
  readonly user?: string;
  readonly me?: boolean;
  readonly starttime?: string;
  readonly endtime?: string;
  readonly verify?: boolean;
  readonly head?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

const microCreditsPerCredit = 1_000_000;

const help = `
Examples:
  glean bill                             what was used since the first record
  glean bill --me -S 2030-01-01          yours since then
  glean bill --csv                       a line of comma-separated values for each user`;

export const define: Define = (command, run) => {
  command
    .option("-u, --user <USER>", "only this user: a name or a uid")
    .option("--me", "only your own")
    .option("-S, --starttime <TIME>", "start of the period (default: the first record)")
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("--verify", "recompute the whole ledger from the attempts (operators)")
    .option(
      "--head <HEAD>",
      "with --verify: the ledger must continue this head of an earlier check",
    )
    .option("--csv", "comma-separated values, one line for each user")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(bill));
};

async function bill(context: Context, options: Options): Promise<number> {
  const query = { ...chosenUser(options), ...chosenPeriod(options) };
  if (options.head !== undefined && !options.verify)
    throw new GleanerError("BAD_REQUEST", "--head is for --verify: add --verify, or leave it out");
  if (options.csv && (options.json || options.verify))
    throw new GleanerError("BAD_REQUEST", "--csv is for a bill without --json and --verify");
  const client = await context.client();
  if (options.verify) return verify(client, options);
  const answer = await client.bill(query);
  if (options.json) print(json(answer));
  else if (options.csv) {
    const { renderBillCsv } = await import("../../../report/index.js");
    print(renderBillCsv(answer.lines.map((line) => ({ ...line, user: printable(line.user) }))));
  } else
    print(table([...answer.lines.map(named), { user: "TOTAL", ...answer.total }], columns, true));
  return exitStatus.done;
}

async function verify(
  client: Awaited<ReturnType<Context["client"]>>,
  { head, json: asJson }: Options,
): Promise<number> {
  const check = await client.verifyLedger(head === undefined ? {} : { head });
  if (asJson) print(json(check));
  else if (check.balanced)
    print(
      `The ledger balances: ${counted(check.attempts, "attempt")}, ${counted(check.postings, "posting")}, ${credits(check.ledgerMicroCredits)} credits\nIts head: ${check.head.sequence}:${check.head.seal}\n`,
    );
  else {
    complain(
      `the ledger is not in order: it holds ${credits(check.ledgerMicroCredits)} credits and the attempts add up to ${credits(check.recomputedMicroCredits)}: keep the database; standard output lists what is wrong`,
    );
    print(check.differences.map((each) => `${printable(each)}\n`).join(""));
  }
  return check.balanced ? exitStatus.done : exitStatus.failed;
}

type Row = Omit<BillLine, "uid" | "otherNames">;

/** Sums are by uid, even if its user name changed. */
const named = (line: BillLine): Row =>
  line.otherNames.length === 0
    ? line
    : { ...line, user: `${line.user} (uid ${line.uid}, also ${line.otherNames.join(", ")})` };

const columns: readonly Column<Row>[] = [
  { title: "USER", text: ({ user }) => user },
  { title: "ATTEMPTS", text: ({ attempts }) => String(attempts), right: true },
  { title: "CORE_MS", text: ({ coreMs }) => String(coreMs), right: true },
  { title: "HELD_MS", text: ({ heldCoreMs }) => String(heldCoreMs), right: true },
  { title: "HOT_MS", text: ({ hotCoreMs }) => String(hotCoreMs), right: true },
  { title: "MEMORY_MB_MS", text: ({ memoryMbMs }) => String(memoryMbMs), right: true },
  { title: "CREDITS", text: (line) => credits(line.amountMicroCredits), right: true },
];

/** Formats all six decimals with integer arithmetic, so that nothing is rounded. */
function credits(micro: number): string {
  const whole = Math.floor(Math.abs(micro) / microCreditsPerCredit);
  const rest = String(Math.abs(micro) % microCreditsPerCredit).padStart(6, "0");
  return `${micro < 0 ? "-" : ""}${whole}.${rest}`;
}
