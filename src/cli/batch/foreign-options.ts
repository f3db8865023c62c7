// The sbatch options that Gleaner does not implement: it ignores some and refuses others.

import { GleanerError } from "../../model/errors.js";
import { quoted } from "../values.js";
import type { OptionShape } from "./directives.js";

/**
 * `silent`: ignored, since the script sees no difference. `note`: ignored with a note. `refuse`:
 * the submission is refused, since the script would not do what its author expects.
 */
type Verdict = "silent" | "note" | { readonly refuse: string };

export interface ForeignOption extends OptionShape {
  readonly judge: (value: string) => Verdict;
}

const oneTask =
  "a function is one task on one node: request cores with -c or tasks with -a, or submit the script with sbatch";
const notHere = "Gleaner does not support this option: remove it, or submit the script with sbatch";

const silent = (): Verdict => "silent";
const note = (): Verdict => "note";
const refuse = (): Verdict => ({ refuse: notHere });
const onlyOne = (value: string): Verdict =>
  /^1(-1)?$/.test(value) ? "silent" : { refuse: oneTask };
const noGpuShape = (): Verdict => ({
  refuse:
    "functions get whole GPUs: write --gpus N with -c and --mem, or submit the script with sbatch",
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
        "Gleaner restarts an evicted function: remove the option if the script may run twice, or submit the script with sbatch",
    }),
    "nothing",
    "no-requeue/k",
  ),
];

/** Returns the option to note, or null for none. Throws BAD_REQUEST if the option is refused. */
export function judgeForeign(option: string, value: string, where: string): string | null {
  const verdict = foreignOptions.find(({ name }) => name === option)?.judge(value) ?? "note";
  if (verdict === "silent") return null;
  if (verdict === "note") return where;
  const shown = value === "" ? where : `${where} ${quoted(value)}`;
  throw new GleanerError("BAD_REQUEST", `${shown}: ${verdict.refuse}`);
}
