// `glean lease hold`: a lease for a program that speaks no HTTP, such as one with the C library.

import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import { holdLease } from "../../../sdk/index.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { standardOutput } from "../../output.js";

interface Options {
  readonly workers: number;
  readonly atLeast: number;
  readonly cores?: number;
  readonly memory?: number;
  readonly ttlMs?: number;
  readonly hotMs?: number;
  readonly waitMs?: number;
}

const notes = `
Standard output has frames with the lease and its workers, whose keys are secrets: this is for
programs, which start it with pipes. The lease ends with standard input.`;

export function defineLeaseHold(parent: Command, run: Run): void {
  const count = (name: string) => (text: string) => number(text, name, 0);
  parent
    .command("hold")
    .summary("hold a lease for a program that started this one")
    .description("Lease workers of a function and tell the program at the other end of the pipes.")
    .argument("<function>", "NAME, NAME@ALIAS, NAME@VERSION or OWNER/NAME")
    .option("--workers <N>", "how many workers", count("--workers"), 1)
    .option("--at-least <N>", "granted once this many serve", count("--at-least"), 1)
    .option("--cores <N>", "of each worker (default: the function's)", count("--cores"))
    .option("--memory <MB>", "of each worker (default: the function's)", count("--memory"))
    .option("--ttl-ms <MS>", "the lease ends if its holder dies for this time", count("--ttl-ms"))
    .option("--hot-ms <MS>", "how long workers spin after a call; -1: always", (text) =>
      number(text, "--hot-ms", -1),
    )
    .option("--wait-ms <MS>", "how long to wait for the grant", count("--wait-ms"))
    .addHelpText("after", notes)
    .action(run(hold));
}

async function hold(context: Context, name: string, options: Options): Promise<number> {
  const { memory, ...given } = options;
  const asked = { function: name, ...given, ...(memory !== undefined && { memoryMb: memory }) };
  await holdLease(await context.client(), asked, process.stdin, standardOutput());
  return exitStatus.done;
}

function number(text: string, name: string, least: number): number {
  const value = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  const message = `invalid value "${text}" for ${name}: expected a whole number from ${least}`;
  throw new GleanerError("BAD_REQUEST", message);
}
