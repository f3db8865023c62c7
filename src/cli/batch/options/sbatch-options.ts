// The options of sbatch 22.05 to 26.05: names, short forms, and whether they take a value.

import type { OptionShape } from "../getopt.js";

/** `name/x=` takes a value, `name=?` an optional one after `=`; `@`: the release that added it. */
const table = `
account/A= acctg-freq= array/a= autocomplete=@23.02 batch= bb= bbf= begin/b= chdir/D= cluster=
cluster-constraint= clusters/M= comment= consolidate-segments@25.11 constraint/C= container=
container-id=@23.02 container-type=@26.05 context= contiguous core-spec/S= cores-per-socket=
cpu-freq= cpus-per-gpu= cpus-per-task/c= deadline= delay-boot= dependency/d= distribution/m=
error/e= exclude/x= exclusive=? export= export-file= external@25.05 extra=@23.02 extra-node-info/B=
get-user-env=? gid= gpu-bind= gpu-freq= gpus/G= gpus-per-node= gpus-per-socket= gpus-per-task= gres=
gres-flags= hint= hold/H ignore-pbs input/i= job-name/J= kill-on-invalid-dep= licenses/L= mail-type=
mail-user= mcs-label= mem= mem-bind= mem-per-cpu= mem-per-gpu= mem-update=@26.05 mincpus= network=
nice=? no-kill/k=? no-requeue nodefile/F= nodelist/w= nodes/N= ntasks/n= ntasks-per-core=
ntasks-per-gpu= ntasks-per-node= ntasks-per-socket= ntasks-per-tres= oom-kill-step=?@24.11
open-mode= output/o= overcommit/O oversubscribe/s parsable partition/p= power= prefer= priority=
profile= propagate=? qos/q= quiet/Q reboot requeue=? reservation= resources=@25.11 resv-ports=?@24.05
segment=@24.05 signal= sockets-per-node= spread-job spread-segments@25.11 stepmgr@24.05 switches=
tasks-per-node= test-only thread-spec= threads-per-core= time/t= time-min= tmp= tres-bind=@23.11
tres-per-task=@23.02 uid= use-min-nodes verbose/v wait/W wait-all-nodes= wckey= wrap=`;

/** Names that sbatch takes for another option. */
export const aliases: Readonly<Record<string, string>> = {
  cluster: "clusters",
  "tasks-per-node": "ntasks-per-node",
};

/**
 * Without patterns and lists, whose matches and iterators would take a tenth of the memory of a
 * start.
 */
function shapeOf(entry: string): OptionShape {
  const { head: text, rest: since } = cut(entry, "@");
  const { head: names, rest: value } = cut(text, "=");
  const { head: name, rest: short } = cut(names, "/");
  const takes = value === null ? "nothing" : value === "?" ? "optionalValue" : "value";
  return { name, short, takes, since };
}

/** Cuts a text in two; null if the mark is not there. */
function cut(text: string, mark: string): { head: string; rest: string | null } {
  const at = text.indexOf(mark);
  return at < 0
    ? { head: text, rest: null }
    : { head: text.slice(0, at), rest: text.slice(at + 1) };
}

/** The options of a table such as the one above. */
export const readShapes = (text: string): readonly OptionShape[] =>
  text.trim().split(/\s+/).map(shapeOf);

export const sbatchOptions: readonly OptionShape[] = readShapes(table);

/** Input variables of sbatch, without SBATCH_, and the option that each sets. */
const variables = `
ACCOUNT=account ARRAY_INX=array ACCTG_FREQ=acctg-freq BATCH=batch BURST_BUFFER=bb
CLUSTER_CONSTRAINT=cluster-constraint CLUSTERS=clusters CONTAINER=container
CONTAINER_ID=container-id CONTAINER_TYPE=container-type CONSTRAINT=constraint CORE_SPEC=core-spec
CPU_FREQ_REQ=cpu-freq CPUS_PER_GPU=cpus-per-gpu DELAY_BOOT=delay-boot DISTRIBUTION=distribution
EXCLUSIVE=exclusive EXPORT=export GET_USER_ENV=get-user-env GRES=gres GRES_FLAGS=gres-flags GPUS=gpus
GPU_BIND=gpu-bind GPU_FREQ=gpu-freq GPUS_PER_NODE=gpus-per-node GPUS_PER_SOCKET=gpus-per-socket
GPUS_PER_TASK=gpus-per-task HINT=hint IGNORE_PBS=ignore-pbs JOB_NAME=job-name MEM_BIND=mem-bind
MEM_PER_CPU=mem-per-cpu MEM_PER_GPU=mem-per-gpu MEM_PER_NODE=mem NETWORK=network NO_KILL=no-kill
NO_REQUEUE=no-requeue OPEN_MODE=open-mode OVERCOMMIT=overcommit PARTITION=partition POWER=power
PROFILE=profile QOS=qos REQ_SWITCH=switches REQUEUE=requeue RESERVATION=reservation
SEGMENT_SIZE=segment SIGNAL=signal SPREAD_JOB=spread-job SPREAD_SEGMENTS=spread-segments
THREAD_SPEC=thread-spec THREADS_PER_CORE=threads-per-core TIMELIMIT=time TRES_BIND=tres-bind
TRES_PER_TASK=tres-per-task USE_MIN_NODES=use-min-nodes WAIT=wait WAIT_ALL_NODES=wait-all-nodes
WCKEY=wckey ERROR=error INPUT=input OUTPUT=output`;

export const variableOptions: ReadonlyMap<string, string> = new Map(
  variables
    .trim()
    .split(/\s+/)
    .map((entry) => entry.split("=") as [string, string]),
);
