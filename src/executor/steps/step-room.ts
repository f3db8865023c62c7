// The part of the program `srun` of functions that gives a step its cores and GPUs: as in a job, it
// waits until the steps beside it have left it enough. `@{` stands for a dollar and a brace.

/** Functions that the others call. */
export const roomFunctions = `
gpus_in() { # TEXT as a100:2 or gpu:a100:2,nvme:1, and PREFIX: sets gpus to the number of GPUs
  local part number any= sum=0
  for part in @{1//,/ }; do
    part=@{part#gres[:/]}
    [[ $part == none ]] && any=1
    [[ -z $2 || $part == $2 || $part == $2[:=]* ]] || continue
    any=1 number=@{part##*[:=]}
    [[ $number =~ ^[0-9]{1,4}$ ]] || number=1
    sum=$((sum + 10#$number))
  done
  [ -z "$any" ] || gpus=$sum
}
set_per_task() { # TEXT and PREFIX as for gpus_in
  local gpus=
  gpus_in "$1" "$2"
  perTask=@{gpus:-$perTask}
}
set_room_option() { # NAME VALUE
  case $1 in
    G | gpus | gpus-per-node) gpus_in "$2" "" ;;
    gres) gpus_in "$2" gpu ;;
    tres-per-task) set_per_task "$2" gpu ;;
    gpus-per-task) set_per_task "$2" "" ;;
    ntasks-per-gpu) perGpu=$2 ;;
    gpu-bind) bind=$2 ;;
    overlap | s | oversubscribe) overlap=1 ;;
    I | immediate) immediate=1 ;;
  esac
}
refuse_step() { fail "Unable to create step for job $SLURM_JOB_ID: $1"; }

# Sets words. Here-strings are files in bash before 5.1: on a full disk they would be empty.
split() { # TEXT SEPARATOR
  local IFS=$2
  set -f
  words=($1)
  set +f
}
choose_gpus() { # sets gpus to the number of GPUs of the step, empty without a wish for some
  split "$CUDA_VISIBLE_DEVICES" ,; devices=("@{words[@]}")
  if [ -z "$gpus$perTask$perGpu" ] && [[ $SLURM_GPUS_PER_TASK =~ ([0-9]+)$ ]]; then
    perTask=$((10#@{BASH_REMATCH[1]}))
    [ $((n * perTask)) -le @{#devices[@]} ] || perTask=
  fi
  bind=@{bind:-@{SLURM_GPU_BIND}} bind=@{bind#verbose,}
  case $bind in
    single:* | per_task:*) [[ @{bind#*:} =~ ^[1-9][0-9]{0,3}$ ]] ;;
    map_gpu:*) [[ @{bind#*:}, =~ ^([0-9]{1,4}([*][0-9]{1,4})?,)+$ ]] ;;
  esac || fail "Invalid --gpu-bind argument: gpu:$bind"
  if [ -n "$perGpu" ]; then
    [[ $perGpu =~ ^[1-9][0-9]{0,3}$ ]] || fail "Invalid numeric value \\"$perGpu\\" for --ntasks-per-gpu."
    gpus=$(((n + perGpu - 1) / perGpu)) bind=@{bind:-single:$perGpu}
  elif [ -n "$perTask" ]; then gpus=$((n * perTask)) bind=@{bind:-per_task:$perTask}; fi
  [ -z "$gpus" ] || [ "$gpus" -le @{#devices[@]} ] ||
    refuse_step "Invalid generic resource (gres) specification"
}
share_gpus() { # GPU...: sets gpusOfTasks to those of each task, behind a semicolon each
  local task share map IFS=,
  gpusOfTasks=
  for ((task = 0; task < n; task++)); do
    share=("$@")
    case $bind in
      single:*) [ $# = 0 ] || share=("@{@:$((task / @{bind#*:} % $# + 1)):1}") ;;
      per_task:*) share=("@{@:$((task * @{bind#*:} + 1)):@{bind#*:}}") ;;
      map_gpu:*) split "@{bind#*:}" ,; map=@{words[task % @{#words[@]}]}
        share=("@{@:$((10#@{map%%[*]*} % ($# > 0 ? $# : 1) + 1)):1}") ;;
    esac
    gpusOfTasks+=";@{share[*]}"
  done
}

start_of() { # PID: sets REPLY to when it began, which tells it from later ones of the same number
  local words
  read -r REPLY 2>/dev/null < "/proc/$1/stat" || return
  split "@{REPLY##*) }" " "
  # One that was killed stays a zombie until its parent asks for its exit code.
  [[ @{words[0]} != [ZX] ]] && REPLY=@{words[19]}
}
# Sets left and free to the cores and GPUs that no other step has; fails if the step has to wait.
find_room() {
  local file pid began cores theirs each taken=,
  left=$GLEANER_CPUS free=()
  for file in "$GLEANER_TMPDIR"/.step-[0-9]*; do
    read -r pid began cores theirs 2>/dev/null < "$file" || continue
    if start_of "$pid" && [ "$REPLY" = "$began" ]; then left=$((left - cores)) taken+=$theirs,
    else rm -f "$file"; wake_step; fi
  done
  for each in "@{devices[@]}"; do [[ $taken == *,$each,* ]] || free+=("$each"); done
  [ $left -ge $cpus ] && [ @{#free[@]} -ge "@{gpus:-0}" ]
}
refuse_unwritten() {
  refuse_step "Cannot write to $GLEANER_TMPDIR: delete files there, or others of yours on its disk"
}
until_done() { # COMMAND...: without a word from bash about a notice, which goes to all processes
  until (trap "" HUP USR1 USR2 ALRM; exec "$@"); do [ $? -gt 128 ] || return; done
}
lock() { until_done flock "$1" || fail "Cannot lock files in $GLEANER_TMPDIR by flock"; } # FD
# Every step takes this lock for a moment, so none may wait for another while it has it.
lock_steps() { { exec 8<> "$GLEANER_TMPDIR/.next-step"; } 2>/dev/null || refuse_unwritten; lock 8; }
unlock_steps() { exec 8>&-; }
number_step() { # sets step
  lock_steps
  read -r step <&8
  [[ $step =~ ^[0-9]{1,9}$ ]] || step=0
  # In place: a full disk must not leave an empty file, after which numbers come twice.
  { echo $((step + 1)) 1<> "$GLEANER_TMPDIR/.next-step"; } 2>/dev/null || refuse_unwritten
  unlock_steps
}
enter_room() { # fails if the step has to wait
  lock_steps
  find_room || { unlock_steps; return 1; }
  free=("@{free[@]:0:@{gpus:-0}}") record=$GLEANER_TMPDIR/.step-$step
  trap leave_room EXIT
  start_of $$
  local IFS=,
  { echo "$$ $REPLY $cpus @{free[*]}" > "$record"; } 2>/dev/null || refuse_unwritten
  unlock_steps
}
# Steps that wait stand in line, each with a pipe. One that leaves wakes the first, and each that
# was woken wakes the next while cores are left: the first of those that fit may be any of them.
wake_step() { # [PIPE]: wakes the first behind this one
  local pipe
  for pipe in "$GLEANER_TMPDIR"/.step-wait-*; do
    [[ -e $pipe && $pipe > $1 ]] || continue
    if [ -p "$pipe" ] && start_of "@{pipe##*-}"; then { echo 1<> "$pipe"; } 2>/dev/null; return; fi
    # Its step was killed, or it was removed between these two commands and is a file now.
    rm -f "$pipe"
  done
}
leave_room() { rm -f "$record" "$place"; wake_step; }
wait_in_line() { # fails unless another step woke this one
  local pipe seconds=0
  # A step that is killed wakes none, so the first looks each second, and those behind it less often.
  for pipe in "$GLEANER_TMPDIR"/.step-wait-*; do
    seconds=$((seconds + 1))
    [ "$pipe" != "$place" ] || break
  done
  read -rn1 -t$seconds -u7
}
say() { [ -n "$quiet" ] || echo "srun: $1" >&2; }
take_room() {
  local woken=1 # perhaps before it could read
  enter_room && return
  [ -z "$immediate" ] || refuse_step "Requested nodes are busy"
  say "Job $SLURM_JOB_ID step creation temporarily disabled, retrying (Requested nodes are busy)"
  printf -v place %s/.step-wait-%09d-%s "$GLEANER_TMPDIR" "$step" $$
  until_done mkfifo "$place" 2>/dev/null || refuse_unwritten
  trap leave_room EXIT
  exec 7<> "$place"
  until enter_room; do
    [ -z "$woken" ] || [ $left -le 0 ] || wake_step "$place"
    woken=
    wait_in_line && woken=1
  done
  exec 7>&-
  # It may have been woken since it looked, so it wakes the next whatever is left.
  rm -f "$place"
  wake_step "$place"
  say "Step created for StepId=$SLURM_JOB_ID.$step"
}
`;

/** Runs once the options are read. */
export const takingOfRoom = `
choose_gpus
cpus=$((n * @{c:-1}))
if [ $cpus -gt "$GLEANER_CPUS" ]; then
  [ -n "$overcommit" ] || refuse_step "More processors requested than permitted"
  cpus=$GLEANER_CPUS
fi
# Steps are counted as in a job; without a folder of the function's own, all are 0.
step=0 free=("@{devices[@]:0:@{gpus:-0}}")
if [ -d "$GLEANER_TMPDIR" ]; then
  number_step
  [ -n "$overlap@{SLURM_OVERLAP}@{SLURM_STEP_ID}" ] || take_room
fi
[ -z "$gpus" ] || share_gpus "@{free[@]}"
`;
