// `glean bill`: what was used and what it costs; whether the ledger balances.

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
  readonly json?: boolean;
}

const microCreditsPerCredit = 1_000_000;

export const define: Define = (command, run) => {
  command
    .option("-u, --user <USER>", "of this user only: a name or a uid")
    .option("--me", "yours only")
    .option("-S, --starttime <TIME>", "since then (default: from the beginning)")
    .option("-E, --endtime <TIME>", "until then (default: now)")
    .option("--verify", "recompute the whole ledger from the attempts (operators)")
    .option("--json", "one JSON document")
    .action(run(bill));
};

async function bill(context: Context, options: Options): Promise<number> {
  const query = { ...chosenUser(options), ...chosenPeriod(options) };
  const client = await context.client();
  if (options.verify) return verify(client, options.json === true);
  const answer = await client.bill(query);
  if (options.json) print(json(answer));
  else
    print(table([...answer.lines.map(named), { user: "TOTAL", ...answer.total }], columns, true));
  return exitStatus.done;
}

async function verify(
  client: Awaited<ReturnType<Context["client"]>>,
  asJson: boolean,
): Promise<number> {
  const check = await client.verifyLedger();
  if (asJson) print(json(check));
  else if (check.balanced)
    print(
      `The ledger balances: ${check.attempts} attempts, ${check.postings} postings, ${credits(check.ledgerMicroCredits)} credits\n`,
    );
  else {
    complain(
      `the ledger does not balance: it says ${credits(check.ledgerMicroCredits)} credits, the attempts say ${credits(check.recomputedMicroCredits)}: keep the database and see the differences on standard output`,
    );
    print(check.differences.map((each) => `${printable(each)}\n`).join(""));
  }
  return check.balanced ? exitStatus.done : exitStatus.failed;
}

type Row = Omit<BillLine, "uid" | "otherNames">;

/** The sums are the uid's, under whatever names. */
const named = (line: BillLine): Row =>
  line.otherNames.length === 0
    ? line
    : { ...line, user: `${line.user} (uid ${line.uid}, also ${line.otherNames.join(", ")})` };

const columns: readonly Column<Row>[] = [
  { title: "USER", text: ({ user }) => user },
  { title: "INVOCATIONS", text: ({ invocations }) => String(invocations), right: true },
  { title: "CORE_MS", text: ({ coreMs }) => String(coreMs), right: true },
  { title: "MEMORY_MB_MS", text: ({ memoryMbMs }) => String(memoryMbMs), right: true },
  { title: "CREDITS", text: (line) => credits(line.amountMicroCredits), right: true },
];

/** All six decimals, from integers: nothing is rounded. */
function credits(micro: number): string {
  const whole = Math.floor(Math.abs(micro) / microCreditsPerCredit);
  const rest = String(Math.abs(micro) % microCreditsPerCredit).padStart(6, "0");
  return `${micro < 0 ? "-" : ""}${whole}.${rest}`;
}
