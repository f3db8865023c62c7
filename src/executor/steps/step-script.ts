// The program `srun` that functions find first in PATH: tasks of a step run on the function's own
// node, since Slurm knows no job of its id. In bash, because nodes have nothing else in common.

import { scriptHead } from "./script-head.js";
import { roomFunctions, takingOfRoom } from "./step-room.js";

/** `@{` stands for a dollar and a brace. */
const text = `
_caller=$$
n= c= nodes=1 perNode= out= err= input= folder= _exported= mpi= quiet= multi=
gpus= perTask= perGpu= bind= overlap= immediate= record= gpusOfTasks= prolog= epilog=
_prolog=@{SLURM_TASK_PROLOG:-} _epilog=@{SLURM_TASK_EPILOG:-}
only= overcommit=@{SLURM_OVERCOMMIT:-} label=@{SLURM_LABELIO:-} mode=@{SLURM_OPEN_MODE:-}
bad=@{SLURM_KILL_BAD_EXIT:-0} patience=@{SLURM_WAIT:-0}
${roomFunctions}
set_option() { # NAME VALUE
  case $1 in
    n | ntasks) n=$2 ;;
    c | cpus-per-task) c=$2 ;;
    N | nodes) nodes=@{2%%-*} ;;
    ntasks-per-node | tasks-per-node) perNode=$2 ;;
    l | label) label=1 ;;
    Q | quiet) quiet=1 ;;
    O | overcommit) overcommit=1 ;;
    o | output) out=$2 ;;
    e | error) err=$2 ;;
    i | input) if [[ $2 =~ ^[0-9]+$ ]]; then only=$2 input=; else only= input=$2; fi ;;
    open-mode) mode=$2 ;;
    test-only) echo "srun: the step would start now on $SLURMD_NODENAME" >&2; exit ;;
    D | chdir) folder=$2 ;;
    J | job-name) export SLURM_JOB_NAME=$2 ;;
    export) _exported=$2 ;;
    mpi) mpi=$2 ;;
    multi-prog) multi=1 ;;
    K | kill-on-bad-exit) bad=@{2:-1} ;;
    W | wait) patience=$2 ;;
    prolog) prolog=$2 ;;
    epilog) epilog=$2 ;;
    task-prolog) _prolog=$2 ;;
    task-epilog) _epilog=$2 ;;
    het-group | pack-group | bcast) fail "--$1 is not possible inside a function: submit a batch job" ;;
    h | help | usage) echo "Usage: srun [options] COMMAND [ARGUMENT...]"; exit ;;
    V | version) echo "slurm 24.05.0 (Gleaner)"; exit ;;
    *) set_room_option "$1" "$2" ;;
  esac
}
flags=" label unbuffered exact overlap overcommit oversubscribe pty quiet verbose no-kill contiguous
 disable-status hold multi-prog preserve-env reboot spread-job use-min-nodes version exclusive
 kill-on-bad-exit immediate propagate resv-ports quit-on-interrupt no-allocate bcast compress
 interactive whole stepmgr send-libs nice test-only wait-for-children x11 debugger-test external
 consolidate-segments spread-segments get-user-env requeue help usage
 external-launcher "
values=" accel-bind account acctg-freq bb bbf bcast-exclude begin chdir cluster cluster-constraint clusters comment constraint
 container container-id context core-spec cores-per-socket cpu-bind cpu_bind cpu-freq cpus-per-gpu
 cpus-per-task deadline delay-boot dependency distribution epilog error exclude export export-file
 extra extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task gres
 gres-flags het-group hint input job-name jobid licenses mail-type mail-user mcs-label mem mem-bind
 mem-per-cpu mem-per-gpu mincpus mpi msg-timeout network nodefile nodelist nodes ntasks
 ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket ntasks-per-tres oom-kill-step
 open-mode output pack-group partition power prefer priority profile prolog qos relative reservation segment
 signal slurmd-debug sockets-per-node switches task-epilog task-prolog tasks-per-node thread-spec
 threads threads-per-core time time-min tmp tree-width treewidth tres-bind tres-per-task uid wait
 wckey "
misread() { echo "srun: error: $1" >&2; exit 255; }
resolve() { # NAME: sets name to the option that it begins, as getopt does
  local each found=()
  for each in $flags $values; do
    [ "$each" != "$1" ] || { name=$1; return; }
    [[ $each != "$1"* ]] || found+=("$each")
  done
  [ @{#found[@]} -gt 0 ] || misread "unrecognized option '--$1'"
  [ @{#found[@]} = 1 ] || misread "option '--$1' is ambiguous: @{found[*]}"
  name=@{found[0]}
}
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    --*=*) given=@{1%%=*}; resolve "@{given#--}"; set_option "$name" "@{1#*=}"; shift ;;
    --*) resolve "@{1#--}"
      if [[ $flags =~ [[:space:]]$name[[:space:]] ]]; then set_option "$name" ""; shift
      else [ $# -gt 1 ] || misread "option '$1' requires an argument"; set_option "$name" "$2"; shift 2; fi ;;
    -[lOusvQHkEXVKZIh]) set_option "@{1#-}" ""; shift ;;
    -?) [ $# -gt 1 ] || misread "option '$1' requires an argument"; set_option "@{1#-}" "$2"; shift 2 ;;
    -[lOusvQHkEXVZ]*) set_option "@{1:1:1}" ""; rest=-@{1:2}; shift; set -- "$rest" "$@" ;;
    -?*) set_option "@{1:1:1}" "@{1:2}"; shift ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || fail "No command given to execute."
for value in "$bad" "$patience"; do
  [[ $value =~ ^[0-9]{1,9}$ ]] || fail "Invalid numeric value \\"$value\\" for -K or -W."
done
bad=$((10#$bad)) patience=$((10#$patience))
# MPICH's launcher closes its standard input.
{ exec 3<&0; } 2>/dev/null || exec 3< /dev/null
[ "$input" != none ] || input=/dev/null
[ "$out" != none ] || out=/dev/null
[ "$err" != none ] || err=/dev/null
n=@{n:-@{perNode:-@{SLURM_NTASKS:-1}}} c=@{c:-$SRUN_CPUS_PER_TASK}
for number in "$n" "@{c:-1}" "$nodes"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || fail "Invalid numeric value \\"$number\\"."
done
[ "$nodes" = 1 ] || fail "a function runs on one node: submit what needs $nodes nodes as a batch job"
[ -z "$folder" ] || cd "$folder" || exit 1
[ -z "$multi" ] || [ -r "$1" ] || fail "Could not open multi_prog config file $1"

# A notice goes to every process of the function: it is for the tasks.
trap : HUP USR1 USR2 ALRM
${takingOfRoom}
[ -z "$prolog" ] || "$prolog"
name_of() { # PATTERN TASK: as srun expands file names
  local text=$1
  text=@{text//%A/@{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}; text=@{text//%a/$SLURM_ARRAY_TASK_ID}
  text=@{text//%j/$SLURM_JOB_ID}; text=@{text//%J/$SLURM_JOB_ID.$step}; text=@{text//%s/$step}
  text=@{text//%x/$SLURM_JOB_NAME}; text=@{text//%u/$SLURM_JOB_USER}; text=@{text//%N/$SLURMD_NODENAME}
  text=@{text//%n/0}; text=@{text//%t/$2}; echo "$text"
}
case $mode in a*) keep=1 ;; *) keep= ;; esac
begin_file() { [ -n "$keep" ] || [ "$1" = /dev/null ] || : > "$1" || exit 1; }

is_chosen() { # NAME: whether --export lets a task have this variable
  case $_exported in "" | ALL | ALL,*) return ;; esac
  case $1 in SLURM* | GLEANER* | PATH | HOME | USER | TMPDIR) return ;; esac
  [[ ,$_exported, == *,$1,* ]]
}
for variable in $(compgen -e); do is_chosen "$variable" || unset "$variable"; done
export SLURM_NTASKS=$n SLURM_NPROCS=$n SLURM_STEP_NUM_TASKS=$n SLURM_STEP_NUM_NODES=1
export SLURM_STEP_TASKS_PER_NODE=$n SLURM_TASKS_PER_NODE=$n
export SLURM_STEP_NODELIST=$SLURMD_NODENAME SLURM_NODEID=0 SLURM_LAUNCH_NODE_IPADDR=127.0.0.1
[ -z "$c" ] || export SLURM_CPUS_PER_TASK=$c

pick() { # TASK FILE: puts the words of the task's line of --multi-prog into words
  local ranks line part first last
  while read -r ranks line; do
    [[ $ranks == "#"* ]] && continue
    for part in @{ranks//,/ }; do
      [ "$part" = "[all]" ] && part=0-65535
      first=@{part%-*} last=@{part#*-}
      [ "$1" -ge "$first" ] && [ "$1" -le "$last" ] || continue
      line=@{line//%t/$1}; line=@{line//%o/$(($1 - first))}
      readarray -t words < <(printf '%s\\n' "$line" | xargs -n1 printf '%s\\n')
      return
    done
  done < <(sed 's/^[[:space:]]*[*]/[all]/' "$2")
  echo "srun: error: $2 has no line for task $1" >&2; exit 1
}
run_task() { # TASK COMMAND...: becomes the command, with the task's files and variables
  local task=$1 path file errors; shift
  export SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_TASK_PID=$BASHPID
  if [ -n "$gpusOfTasks" ]; then
    split "$gpusOfTasks" ";"
    export CUDA_VISIBLE_DEVICES=@{words[task + 1]} SLURM_STEP_GPUS=@{words[task + 1]}
  fi
  file=$(name_of "$out" $task); errors=$(name_of "$err" $task)
  [ -z "$file" ] || exec >> "$file"
  if [ -n "$errors" ]; then exec 2>> "$errors"; elif [ -n "$file" ]; then exec 2>&1; fi
  [ -z "$label" ] || exec > >(sed -u "s/^/$task: /") 2> >(sed -u "s/^/$task: /" >&2)
  # Signals that scancel sends are for what has it in its environment.
  export SLURM_STEP_ID=$step SLURM_STEPID=$step
  [ "@{only:-$task}" = "$task" ] || exec < /dev/null
  [ -z "$input" ] || exec < "$(name_of "$input" $task)" || exit 1
  [ -z "$multi" ] || { pick $task "$1"; set -- "@{words[@]}"; }
  export -fn run_task name_of pick is_chosen ended split 2>/dev/null
  export -n $_ours _ours _caller _exported _prolog _epilog
  case $1 in */*) path=$1 ;; *) path=$(type -P "$1") ;; esac
  [ -e "$path" ] || { echo "srun: error: execve(): $1: No such file or directory" >&2; exit 2; }
  [ -f "$path" ] && [ -x "$path" ] || { echo "srun: error: execve(): $1: Permission denied" >&2; exit 13; }
  while IFS= read -r -d ""; do
    [[ $_ours == *" @{REPLY%%=*} "* ]] && is_chosen "@{REPLY%%=*}" || continue
    unset -v "@{REPLY%%=*}"; export "$REPLY"
  done < "/proc/$_caller/environ"
  while IFS= read -r -d ,; do [[ $REPLY != *=* ]] || export "$REPLY"; done < <(printf %s, "$_exported")
  [ -z "$_prolog" ] || while read -r word rest; do
    case $word in export) export "$rest" ;; unset) unset "$rest" ;; print) echo "$rest" ;; esac
  done < <("$_prolog")
  [ -n "$_epilog" ] || exec "$@"
  trap 'kill -TERM $! 2>/dev/null' TERM INT; trap : HUP USR1 USR2 ALRM
  "$@" <&0 & ended $!
  "$_epilog" > /dev/null
  exit $code
}
for ((task = 0; task < n; task++)); do
  for pattern in "$out" "$err"; do
    [ -z "$pattern" ] || { [ $task -gt 0 ] && [[ $pattern != *%t* ]]; } || begin_file "$(name_of "$pattern" $task)"
  done
done

group= # or a minus, where each task has a process group
trap 'kill -TERM -- "@{pids[@]/#/$group}" 2>/dev/null' TERM INT
ended() { # PID: waits for it, whatever signals come; sets code; bash would say how it died
  wait "$1"; code=$?
  while kill -0 "$1"; do wait "$1"; code=$?; done
} 2>/dev/null
# Ends the other tasks after one that failed (-K), or a while after the first that ended (-W).
# It reads "+ PID" for a task that begins, and "- CODE" for one that ends.
watch_tasks() {
  local sign value until= ending= groups=() within=()
  trap "" HUP INT TERM USR1 USR2 ALRM
  while :; do
    [ -z "$until" ] || within=(-t $((until > SECONDS ? until - SECONDS : 0)).01)
    read -r "@{within[@]}" sign value || { [ $? -gt 128 ] || return; sign=late; }
    if [ "$sign" = + ]; then groups+=("-$value")
    elif [ "$sign" = late ]; then
      [ -n "$ending" ] || echo "srun: First task exited @{patience}s ago" >&2
      kill -KILL -- "@{groups[@]}" 2>/dev/null; return
    elif [ "$bad" != 0 ] && [ "$value" != 0 ] && [ -z "$ending" ]; then
      ending=1 until=$((SECONDS + 30))
      echo "srun: Terminating StepId=$SLURM_JOB_ID.$step" >&2
      kill -TERM -- "@{groups[@]}" 2>/dev/null
    elif [ "$patience" != 0 ]; then until=@{until:-$((SECONDS + patience))}; fi
  done
}
watched() { # TASK COMMAND...: a task whose end the watcher is told
  trap : HUP USR1 USR2 ALRM TERM INT
  (exec 9>&-; run_task "$@") <&0 &
  ended $!
  echo "- $code" >&9
  exit $code
}
pids=() status=0
declare -A tasks_of
count() { # TASK CODE
  [ "$2" = 0 ] || tasks_of[$2]+=@{tasks_of[$2]:+,}$1
  [ "$2" -gt $status ] && status=$2
}

if [ "$n" -gt 1 ] && [ "$mpi" != none ] && launcher=$(type -P mpirun || type -P mpiexec); then
  # Tasks of one MPI program have to know each other: the installed MPI starts them. It would end
  # all when one fails, which srun does not, so each leaves its exit code in a file.
  codes=$(mktemp -d) || exit 1
  export out err input only label codes multi bad step gpusOfTasks _exported _caller _ours
  export _prolog _epilog
  export -f run_task name_of pick is_chosen ended split
  # All on this node: it must ask no Slurm, and start nothing elsewhere.
  export OMPI_MCA_ras=^slurm OMPI_MCA_plm=^slurm OMPI_MCA_plm_rsh_agent=/bin/false
  export PRTE_MCA_ras=^slurm PRTE_MCA_plm=^slurm PRTE_MCA_plm_ssh_agent=/bin/false
  export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
  export HYDRA_BOOTSTRAP=fork HYDRA_RMK=user I_MPI_HYDRA_BOOTSTRAP=fork I_MPI_HYDRA_RMK=user
  "$launcher" -n "$n" /bin/bash -c '
    task=@{OMPI_COMM_WORLD_RANK:-@{PMI_RANK:-@{PMIX_RANK:-0}}}
    at=$codes/$task
    trap : HUP USR1 USR2 ALRM
    trap "kill -TERM \\$pid 2>/dev/null" TERM INT
    (run_task $task "$@") <&0 & pid=$!
    wait $pid; code=$?
    while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done
    echo $code > "$at"
    [ $bad = 0 ] || exit $code' srun "$@" <&3 3<&- &
  pids=($!)
  ended "@{pids[0]}"
  launched=$code
  # With -K mpirun ends the others.
  [ "$bad" = 0 ] || [ -z "$(ls "$codes")" ] || launched=143
  for ((task = 0; task < n; task++)); do
    read -r code 2>/dev/null < "$codes/$task" || code=$launched
    count $task "$code"
  done
  rm -rf "$codes"
else
  run=run_task
  if [ $n -gt 1 ] && [ "$bad$patience" != 00 ]; then
    run=watched group=-
    exec 9> >(watch_tasks)
    set -m
  fi
  for ((task = 0; task < n; task++)); do
    if [ "$n" = 1 ] || [ "$only" = $task ]; then exec 4<&3; else exec 4< /dev/null; fi
    (exec <&4 3<&- 4<&-; $run $task "$@") &
    pids+=($!)
    [ -z "$group" ] || echo "+ $!" >&9
  done
  for ((task = 0; task < n; task++)); do ended "@{pids[task]}"; count $task $code; done
fi
for code in "@{!tasks_of[@]}"; do
  name=task; case @{tasks_of[$code]} in *,*) name=tasks ;; esac
  case $code in
    129) how=Hangup ;; 130) how=Interrupt ;; 131) how=Quit ;; 132) how="Illegal instruction" ;;
    134) how=Aborted ;; 135) how="Bus error" ;; 136) how="Floating point exception" ;;
    137) how=Killed ;; 138) how="User defined signal 1" ;; 139) how="Segmentation fault" ;;
    140) how="User defined signal 2" ;; 141) how="Broken pipe" ;; 143) how=Terminated ;;
    *) how="Exited with exit code $code" ;;
  esac
  [ -n "$quiet" ] || echo "srun: error: $SLURMD_NODENAME: $name @{tasks_of[$code]}: $how" >&2
done
[ -z "$epilog" ] || "$epilog"
exit $status
`;

/**
 * The caller may export variables of the names that the script uses: they are the task's, which
 * gets them back.
 */
const head = scriptHead("srun");
const ours = [...new Set(`${head}${text}`.match(/\b[a-z]\w*/g))].join(" ");
const forget = `
_ours=" ${ours} "
for REPLY in $_ours; do unset -v $REPLY; done`;

export const stepScript = head + forget + text.replaceAll("@{", "${");
