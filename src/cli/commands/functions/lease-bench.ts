// `glean lease --bench`: what each transport of the direct path takes at this site.

import type { Command } from "commander";
import { type Context, exitStatus, type Run } from "../../context.js";
import { type Bench, type BenchTransport, benchLease } from "../../functions/lease-bench.js";
import { type Column, json, print, table } from "../../output.js";

interface Options {
  readonly bench?: boolean;
  readonly json?: boolean;
}

const notes = `
--bench leases a worker of a function that returns its input, calls it over each transport of the
direct path, and times a bare ping-pong with the same worker beside it. Both sides spin. Run it
where programs run that will hold leases, as a user and not as root.`;

export function defineLeaseBench(command: Command, run: Run): void {
  command
    // What stands behind a subcommand is the subcommand's.
    .enablePositionalOptions()
    // What is no subcommand is told as such.
    .allowExcessArguments()
    .option("--bench", "measure each transport of the direct path from this machine")
    .option("--json", "with --bench: one JSON document")
    .addHelpText("after", notes)
    .action(
      run(async (context: Context, options: Options) => {
        const [unknown] = command.args;
        if (unknown !== undefined) command.error(`error: unknown command '${unknown}'`);
        if (options.bench !== true) command.help({ error: true });
        const bench = await benchLease(await context.client());
        print(options.json ? json(bench) : textOf(bench));
        return exitStatus.done;
      }),
    );
}

interface Line {
  readonly transport: string;
  readonly size: string;
  readonly calls: number;
  readonly figures: readonly (number | undefined)[];
}

const figure =
  (at: number) =>
  ({ figures }: Line) =>
    figures[at]?.toFixed(1) ?? "-";
const columns: readonly Column<Line>[] = [
  { title: "TRANSPORT", text: ({ transport }) => transport },
  { title: "SIZE", text: ({ size }) => size, right: true },
  { title: "CALLS", text: ({ calls }) => String(calls), right: true },
  { title: "P50", text: figure(0), right: true },
  { title: "P99", text: figure(1), right: true },
  { title: "RAW P50", text: figure(2), right: true },
  { title: "RAW P99", text: figure(3), right: true },
  {
    title: "RATIO",
    text: ({ figures: [p50, , raw] }) => (raw === undefined ? "-" : (p50! / raw).toFixed(2)),
    right: true,
  },
];

function textOf({ node, transports, used }: Bench): string {
  const measured = transports.flatMap(linesOf);
  const reasons = transports.flatMap(({ transport, problem }) =>
    problem === undefined || transport === "best" ? [] : [`${transport} is not there: ${problem}`],
  );
  const verdict =
    used === null
      ? "Programs reach the worker over none of them."
      : `Programs with the C library use ${used} between this machine and ${node}.`;
  const title = `Calls of a worker on ${node}, in microseconds:`;
  const text = [title, table(measured, columns, true).trimEnd(), ...reasons, verdict];
  return `${text.join("\n")}\n`;
}

function linesOf({ transport, provider, sizes = [] }: BenchTransport): Line[] {
  const name = provider ? `${transport} (${provider})` : transport;
  return sizes.map(({ bytes, calls, p50Us, p99Us, rawP50Us, rawP99Us }) => ({
    transport: name,
    size: sizeOf(bytes),
    calls,
    figures: [p50Us, p99Us, rawP50Us, rawP99Us],
  }));
}

function sizeOf(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${bytes / 1_024} KiB` : `${bytes / (1 << 20)} MiB`;
}
