// The sbatch options that Gleaner does not implement: it ignores those that change nothing for the
// script, ignores others with a note that says why, and refuses the rest.

/** null: the script sees no difference. */
export type Verdict = null | { readonly note: string } | { readonly refuse: string };

type Judge = (value: string) => Verdict;

const silent: Judge = () => null;
const note =
  (why: string): Judge =>
  () => ({ note: why });
const refuse =
  (why: string): Judge =>
  () => ({ refuse: why });

const oneNode: Judge = (value) =>
  /^\s*1\s*(-\s*\d+\s*[km]?\s*)?$/i.test(value) ? null : { refuse: "a function runs on one node" };
const ifAny =
  (why: string): Judge =>
  (value) =>
    value === "" ? null : { refuse: why };
/** A wrong one is most often a long option with one dash: `-mem=4G` is `-m em=4G`. */
const distribution: Judge = (value) =>
  /^((block|cyclic|fcyclic|arbitrary|plane(=\d+)?|\*|no?pack)([:,]|$))+$/i.test(value)
    ? { note: "Gleaner chooses the cores" }
    : { refuse: "sbatch knows no such distribution: write long options with two dashes" };
const hint: Judge = (value) =>
  /^((compute_bound|memory_bound|(no)?multithread)(,|$))+$/i.test(value)
    ? { note: "Gleaner chooses the cores" }
    : { refuse: "sbatch knows no such hint: write compute_bound, memory_bound or nomultithread" };
const oneTask: Judge = (value) =>
  /^0*1$/.test(value) ? null : { refuse: "Gleaner does not place tasks within a node" };

const judges: Readonly<Record<string, Judge>> = {};

function judged(judge: Judge, names: string): void {
  for (const name of names.split(" ")) (judges as Record<string, Judge>)[name] = judge;
}

judged(oneNode, "nodes");
judged(distribution, "distribution");
judged(silent, "partition account qos wckey extra nice priority time-min acctg-freq");
judged(silent, "profile mcs-label requeue quiet verbose oversubscribe");
judged(silent, "ignore-pbs wait-all-nodes no-kill oom-kill-step delay-boot");
judged(silent, "contiguous spread-job use-min-nodes switches segment spread-segments");
judged(silent, "consolidate-segments stepmgr resv-ports");
// In a script; on a command line it is the script.
judged(silent, "wrap");
judged(note("functions run outside of reservations"), "reservation");
judged(hint, "hint");
judged(note("Gleaner chooses the cores"), "threads-per-core cores-per-socket sockets-per-node");
judged(note("Gleaner chooses the cores"), "extra-node-info mem-bind gres-flags");
judged(note("Gleaner chooses the cores"), "gpu-bind tres-bind ntasks-per-socket ntasks-per-core");
judged(note("functions do not change how fast cores and GPUs run"), "cpu-freq gpu-freq power");
judged(note("no cores are set aside for the system in a hole"), "core-spec thread-spec");
judged(note("the environment is what --export chooses"), "get-user-env");
judged(note("no node is restarted for a function"), "reboot");
judged(note("Gleaner harvests one cluster"), "clusters cluster-constraint");
judged(note("it is a preference, and a function runs where it can start first"), "prefer");
judged(note("functions have no network resources of their own"), "network");
judged(note("it has no meaning for a function"), "context autocomplete mem-update");
judged(refuse("only --constraint chooses the node of a function"), "batch");
judged(refuse("write the name of the node after --nodelist"), "nodefile");
judged(ifAny("only Slurm counts licenses"), "licenses");
judged(refuse("only Slurm sets up burst buffers"), "bb bbf");
judged(refuse("only root may run work as others, and Gleaner never does"), "uid gid");
judged(refuse("Gleaner starts no OCI containers"), "container container-id container-type");
judged(refuse("Gleaner reads variables from --export alone"), "export-file");
judged(refuse("functions get whole GPUs of a node"), "gpus-per-socket");
judged(oneTask, "ntasks-per-gpu ntasks-per-tres");
judged(refuse("write -c, --mem and --gpus instead"), "tres-per-task resources");
judged(refuse("a function is a script"), "external");
// `#PBS -W umask=` gives it; sbatch itself has no such option.
judged(refuse("a function has the umask of your shell: set it in the script"), "umask");

/** Options of which one stands for the other's opposite, or for the same amount. */
const groups: Readonly<Record<string, string>> = {
  gpus: "gpus",
  gres: "gpus",
  "gpus-per-node": "gpus",
  "gpus-per-task": "gpus",
  requeue: "requeue",
  "no-requeue": "requeue",
  exclusive: "exclusive",
  oversubscribe: "exclusive",
};

/** An option replaces a less important one of its group. */
export const groupOf = (option: string): string => groups[option] ?? option;

/** null also for an option that is Gleaner's own. */
export const judgeForeign = (option: string, value: string): Verdict =>
  judges[option]?.(value) ?? null;

/** A value with which an option of a script is accepted. */
const accepted: Readonly<Record<string, string>> = { nodes: "--nodes=1" };

/** How to go on with a script that has a refused option. */
export const overrideOf = (option: string): string => accepted[option] ?? `--ignore=${option}`;
