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
set_room_option() { # NAME VALUE
  case $1 in
    G | gpus | gpus-per-node) gpus_in "$2" "" ;;
    gres | tres-per-task) gpus_in "$2" gpu; [ $1 = gres ] || { perTask=$gpus gpus=; } ;;
    gpus-per-task) gpus_in "$2" ""; perTask=$gpus gpus= ;;
    ntasks-per-gpu) perGpu=$2 ;;
    gpu-bind) bind=$2 ;;
    overlap | s | oversubscribe) overlap=1 ;;
    I | immediate) immediate=1 ;;
  esac
}
refuse_step() { fail "Unable to create step for job $SLURM_JOB_ID: $1"; }

choose_gpus() { # sets gpus to the number of GPUs of the step, empty without a wish for some
  IFS=, read -ra devices <<< "$CUDA_VISIBLE_DEVICES"
  if [ -z "$gpus$perTask$perGpu" ] && [[ $SLURM_GPUS_PER_TASK =~ ([0-9]+)$ ]]; then
    perTask=@{BASH_REMATCH[1]}
    [ $((n * perTask)) -le @{#devices[@]} ] || perTask=
  fi
  bind=@{bind:-@{SLURM_GPU_BIND}} bind=@{bind#verbose,}
  if [ -n "$perGpu" ]; then
    [[ $perGpu =~ ^[1-9][0-9]{0,3}$ ]] || fail "Invalid numeric value \\"$perGpu\\" for --ntasks-per-gpu."
    gpus=$(((n + perGpu - 1) / perGpu)) bind=@{bind:-single:$perGpu}
  elif [ -n "$perTask" ]; then gpus=$((n * perTask)) bind=@{bind:-per_task:$perTask}; fi
  [ -z "$gpus" ] || [ "$gpus" -le @{#devices[@]} ] ||
    refuse_step "Invalid generic resource (gres) specification"
}
share_gpus() { # GPU...: sets gpusOfTasks to those of each task, behind a semicolon each
  local task share map
  gpusOfTasks=
  for ((task = 0; task < n; task++)); do
    share=("$@")
    case $bind in
      single:*) [ $# = 0 ] || share=("@{@:$((task / @{bind#*:} % $# + 1)):1}") ;;
      per_task:*) share=("@{@:$((task * @{bind#*:} + 1)):@{bind#*:}}") ;;
      map_gpu:*) IFS=, read -ra map <<< "@{bind#*:}"; map=@{map[task % @{#map[@]}]}
        share=("@{@:$((@{map%%[*]*} % ($# > 0 ? $# : 1) + 1)):1}") ;;
    esac
    gpusOfTasks+=";$(IFS=,; echo "@{share[*]}")"
  done
}

origin_of() { # PID: sets REPLY to its parent and to when it began, which tells it from later ones
  local fields
  read -r REPLY 2>/dev/null < "/proc/$1/stat" || return
  read -ra fields <<< "@{REPLY##*) }"
  REPLY="@{fields[1]} @{fields[19]}"
}
find_room() { # sets free to the GPUs that no other step has; fails if the step has to wait
  local file pid parent began cores theirs each taken=, left=$GLEANER_CPUS
  for file in "$GLEANER_TMPDIR"/.step-[0-9]*; do
    read -r pid parent began cores theirs 2>/dev/null < "$file" || continue
    # Without its parent, the shell in which a script started it with &, it was killed.
    if origin_of "$pid" && [ "$REPLY" = "$parent $began" ]; then left=$((left - cores)) taken+=$theirs,
    else rm -f "$file"; fi
  done
  free=()
  for each in "@{devices[@]}"; do [[ $taken == *,$each,* ]] || free+=("$each"); done
  [ $left -ge $cpus ] && [ @{#free[@]} -ge "@{gpus:-0}" ]
}
departures=$GLEANER_TMPDIR/.step-left
leave_room() { rm -f "$record"; [ ! -p "$departures" ] || echo 1<> "$departures"; }
take_room() { # the next step's turn has not come before this one has its room
  if ! find_room; then
    [ -z "$immediate" ] || refuse_step "Requested nodes are busy"
    echo "srun: Job $SLURM_JOB_ID step creation temporarily disabled, retrying (Requested nodes are busy)" >&2
    # One that is killed says nothing.
    rm -f "$departures"; mkfifo "$departures"; exec 7<> "$departures"
    until find_room; do read -rn1 -t1 -u7; done
    exec 7>&-; rm -f "$departures"
    echo "srun: Step created for StepId=$SLURM_JOB_ID.$step" >&2
  fi
  free=("@{free[@]:0:@{gpus:-0}}") record=$GLEANER_TMPDIR/.step-$step
  origin_of $$
  echo "$$ $REPLY $cpus $(IFS=,; echo "@{free[*]}")" > "$record"
  trap leave_room EXIT
}
`;

/** Runs once the options are read. */
export const takingOfRoom = `
choose_gpus
cpus=$((n * @{c:-@{SRUN_CPUS_PER_TASK:-1}}))
if [ $cpus -gt "$GLEANER_CPUS" ]; then
  [ -n "$overcommit" ] || refuse_step "More processors requested than permitted"
  cpus=$GLEANER_CPUS
fi
# Steps are counted as in a job; without a folder of the function's own, all are 0.
step=0 free=("@{devices[@]:0:@{gpus:-0}}")
if [ -n "$GLEANER_TMPDIR" ] && { exec 8<> "$GLEANER_TMPDIR/.next-step"; } 2>/dev/null; then
  while flock 8; [ $? -gt 128 ]; do :; done
  read -r step < "$GLEANER_TMPDIR/.next-step"
  [[ $step =~ ^[0-9]{1,9}$ ]] || step=0
  echo $((step + 1)) > "$GLEANER_TMPDIR/.next-step"
  [ -n "$overlap@{SLURM_OVERLAP}@{SLURM_STEP_ID}" ] || take_room
  exec 8>&-
fi
[ -z "$gpus" ] || share_gpus "@{free[@]}"
`;
