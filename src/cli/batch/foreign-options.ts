// Options that sbatch knows and Gleaner has no use for: which may be ignored, and which a function cannot keep.

import { GleanerError } from "../../model/errors.js";
import { quoted } from "../values.js";
import type { OptionShape } from "./directives.js";

/**
 * `silent`: changes nothing that the script can see. `note`: ignored, and said so. `refuse`: the script would
 * not do what its author expects, so it is not run.
 */
type Verdict = "silent" | "note" | { readonly refuse: string };

export interface ForeignOption extends OptionShape {
  readonly judge: (value: string) => Verdict;
}

const oneTask =
  "a function is one task on one node: ask for cores with -c or tasks with -a, or submit it with sbatch";
const notHere = "Gleaner cannot promise that yet: take it out, or submit the script with sbatch";

const silent = (): Verdict => "silent";
const note = (): Verdict => "note";
const refuse = (): Verdict => ({ refuse: notHere });
const onlyOne = (value: string): Verdict =>
  /^1(-1)?$/.test(value) ? "silent" : { refuse: oneTask };
const noGpuShape = (): Verdict => ({
  refuse:
    "functions ask for whole GPUs: write --gpus N with -c and --mem, or submit the script with sbatch",
});

const of = (
  judge: ForeignOption["judge"],
  takes: OptionShape["takes"],
  ...names: readonly string[]
): ForeignOption[] =>
  names.map((text) => {
    const [name, short] = text.split("/");
    return { name: name!, short: short ?? null, takes, judge };
  });

export const foreignOptions: readonly ForeignOption[] = [
  ...of(onlyOne, "value", "nodes/N", "ntasks/n", "ntasks-per-node", "ntasks-per-socket"),
  ...of(onlyOne, "value", "ntasks-per-core"),
  ...of(silent, "value", "partition/p", "account/A", "qos/q", "comment", "wckey", "time-min"),
  ...of(silent, "value", "clusters/M", "priority", "acctg-freq", "profile"),
  ...of(silent, "value", "kill-on-invalid-dep", "mcs-label", "container-id"),
  ...of(silent, "optionalValue", "nice", "propagate"),
  ...of(silent, "nothing", "requeue", "quiet/Q", "verbose/v", "oversubscribe/s", "ignore-pbs"),
  ...of(note, "value", "mail-type", "mail-user", "reservation", "tmp", "hint"),
  ...of(note, "value", "distribution/m", "threads-per-core", "cores-per-socket", "core-spec/S"),
  ...of(note, "value", "sockets-per-node", "extra-node-info/B", "cpu-freq", "switches", "mem-bind"),
  ...of(note, "value", "thread-spec", "power", "deadline", "delay-boot", "bb", "bbf", "open-mode"),
  ...of(note, "optionalValue", "exclusive", "get-user-env"),
  ...of(note, "nothing", "contiguous", "overcommit/O", "spread-job", "use-min-nodes", "reboot"),
  ...of(noGpuShape, "value", "gpus-per-socket", "cpus-per-gpu", "mem-per-gpu"),
  ...of(refuse, "value", "dependency/d", "begin/b", "constraint/C", "licenses/L", "input/i"),
  ...of(refuse, "value", "nodelist/w", "nodefile/F", "exclude/x", "uid", "gid", "container"),
  ...of(refuse, "value", "mincpus", "cluster-constraint", "prefer", "export-file"),
  ...of(refuse, "nothing", "hold/H", "test-only"),
  ...of(
    () => ({
      refuse:
        "an evicted function starts again, so this cannot be kept: take it out if the script may run twice, or submit it with sbatch",
    }),
    "nothing",
    "no-requeue/k",
  ),
];

/** null: nothing to say; a text: what to note. Throws BAD_REQUEST when the option cannot be kept. */
export function judgeForeign(option: string, value: string, where: string): string | null {
  const verdict = foreignOptions.find(({ name }) => name === option)?.judge(value) ?? "note";
  if (verdict === "silent") return null;
  if (verdict === "note") return where;
  const shown = value === "" ? where : `${where} ${quoted(value)}`;
  throw new GleanerError("BAD_REQUEST", `${shown}: ${verdict.refuse}`);
}
