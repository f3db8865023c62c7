# Made by scripts/generate. Source it, or copy it to bash-completion's folder as glean.

# Sets what may follow the command in path.
_glean_command() {
  case $path in
  "")
    parts="batch run shell queue invoke map cancel hold release update show explain function lease trace replay as install-aliases acct bill report simulate info drain resume audit token setup doctor" passes=
    options="-V --version --config -h --help"
    values="--config=@files"
    arguments=""
    ;;
  "batch")
    parts="" passes=1
    options="--config --wrap -J --job-name -c --cpus-per-task -n --ntasks --ntasks-per-node --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node --gpus-per-task -t --time -a --array -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude -o --output -e --error -i --input --open-mode -D --chdir --export --signal --checkpoint --ignore -W --wait --test-only --parsable -h --help"
    values="--config=@files --wrap=@none -J=@none --job-name=@none -c=@none --cpus-per-task=@none -n=@none --ntasks=@none --ntasks-per-node=@none --mincpus=@none --cpus-per-gpu=@none --mem=@none --mem-per-cpu=@none --mem-per-gpu=@none -G=@none --gpus=@none --gres=@none --gpus-per-node=@none --gpus-per-task=@none -t=@none --time=@none -a=@none --array=@none -d=@none --dependency=@none --kill-on-invalid-dep=yes|no --comment=@none --mail-type=,|ALL|ARRAY_TASKS|BEGIN|END|FAIL|NONE --mail-user=@users -b=@none --begin=@none --deadline=@none --retries=@none -C=@none --constraint=@none -w=@nodes --nodelist=@nodes --tmp=@none -x=,|@nodes --exclude=,|@nodes -o=@files --output=@files -e=@files --error=@files -i=@files --input=@files --open-mode=append|truncate -D=@folders --chdir=@folders --export=ALL|NONE --signal=HUP|INT|KILL|TERM|USR1|USR2 --ignore=@none"
    arguments="@files +@files"
    ;;
  "run")
    parts="" passes=1
    options="--config -J --job-name -c --cpus-per-task -n --ntasks --ntasks-per-node --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node --gpus-per-task -t --time -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude --open-mode -D --chdir --export --signal -l --label -i --input -o --output -e --error --pty -u --unbuffered -Q --quiet -I --immediate -W --wait -K --kill-on-bad-exit --requeue -h --help"
    values="--config=@files -J=@none --job-name=@none -c=@none --cpus-per-task=@none -n=@none --ntasks=@none --ntasks-per-node=@none --mincpus=@none --cpus-per-gpu=@none --mem=@none --mem-per-cpu=@none --mem-per-gpu=@none -G=@none --gpus=@none --gres=@none --gpus-per-node=@none --gpus-per-task=@none -t=@none --time=@none -d=@none --dependency=@none --kill-on-invalid-dep=yes|no --comment=@none --mail-type=,|ALL|ARRAY_TASKS|BEGIN|END|FAIL|NONE --mail-user=@users -b=@none --begin=@none --deadline=@none --retries=@none -C=@none --constraint=@none -w=@nodes --nodelist=@nodes --tmp=@none -x=,|@nodes --exclude=,|@nodes --open-mode=append|truncate -D=@folders --chdir=@folders --export=ALL|NONE --signal=HUP|INT|KILL|TERM|USR1|USR2 -i=@files --input=@files -o=@files --output=@files -e=@files --error=@files -W=@none --wait=@none"
    arguments="@programs +@files"
    ;;
  "shell")
    parts="" passes=1
    options="--config -J --job-name -c --cpus-per-task --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node -t --time -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude -D --chdir --export --signal -Q --quiet -I --immediate -h --help"
    values="--config=@files -J=@none --job-name=@none -c=@none --cpus-per-task=@none --mincpus=@none --cpus-per-gpu=@none --mem=@none --mem-per-cpu=@none --mem-per-gpu=@none -G=@none --gpus=@none --gres=@none --gpus-per-node=@none -t=@none --time=@none -d=@none --dependency=@none --kill-on-invalid-dep=yes|no --comment=@none --mail-type=,|ALL|ARRAY_TASKS|BEGIN|END|FAIL|NONE --mail-user=@users -b=@none --begin=@none --deadline=@none --retries=@none -C=@none --constraint=@none -w=@nodes --nodelist=@nodes --tmp=@none -x=,|@nodes --exclude=,|@nodes -D=@folders --chdir=@folders --export=ALL|NONE --signal=HUP|INT|KILL|TERM|USR1|USR2"
    arguments=""
    ;;
  "queue")
    parts="" passes=
    options="--config -u --user --me -j --job -t --states -r --array -h --noheader -o --format -O --Format --start -S --sort -l --long -n --name -w --nodelist -A --account -p --partition -i --iterate --json --help"
    values="--config=@files -u=@users --user=@users -j=,|@past --job=,|@past -t=,|PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED --states=,|PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED -o=@none --format=@none -O=@none --Format=@none -S=@none --sort=@none -n=@none --name=@none -w=,|@nodes --nodelist=,|@nodes -A=@none --account=@none -p=@none --partition=@none -i=@none --iterate=@none"
    arguments=""
    ;;
  "invoke")
    parts="" passes=
    options="--config --input --type -t --time --async --json -h --help"
    values="--config=@files --input=@files --type=@none -t=@none --time=@none"
    arguments="@functions"
    ;;
  "map")
    parts="" passes=
    options="--config --inputs --output --as-completed --retry-failed -t --time --async -h --help"
    values="--config=@files --inputs=@files --output=@files --retry-failed=,|@past -t=@none --time=@none"
    arguments="@functions"
    ;;
  "cancel")
    parts="" passes=
    options="--config -u --user --me -t --state -n --name -w --nodelist -p --partition -A --account -s --signal -b --batch -f --full -Q --quiet --json -h --help"
    values="--config=@files -u=@users --user=@users -t=PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED --state=PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED -n=@none --name=@none -w=,|@nodes --nodelist=,|@nodes -p=@none --partition=@none -A=@none --account=@none -s=HUP|INT|KILL|TERM|USR1|USR2 --signal=HUP|INT|KILL|TERM|USR1|USR2"
    arguments="+@ids"
    ;;
  "hold")
    parts="" passes=
    options="--config -h --help"
    values="--config=@files"
    arguments="+@ids"
    ;;
  "release")
    parts="" passes=
    options="--config -h --help"
    values="--config=@files"
    arguments="+@ids"
    ;;
  "update")
    parts="" passes=
    options="--config -h --help"
    values="--config=@files"
    arguments="@ids +@none"
    ;;
  "show")
    parts="" passes=
    options="--config -o --oneliner --answer --log --json -h --help"
    values="--config=@files"
    arguments="@past|job|node|function +@functions|@nodes"
    ;;
  "explain")
    parts="" passes=
    options="--config --json -h --help"
    values="--config=@files"
    arguments="@ids|@nodes|hole @nodes"
    ;;
  "function")
    parts="deploy test logs list show alias share remove" passes=
    options="--config -h --help"
    values="--config=@files"
    arguments=""
    ;;
  "function deploy")
    parts="" passes=
    options="--runtime --handler -c --cpus-per-task --mem -G --gpus -t --time --concurrency --env --min-warm --idle-timeout --share --check --python --setup --image --no-fork --json -h --help"
    values="--runtime=node|python|native|exec --handler=@files -c=@none --cpus-per-task=@none --mem=@none -G=@none --gpus=@none -t=@none --time=@none --concurrency=@none --env=@none --min-warm=@none --idle-timeout=@none --share=none|all|group: --check=hole|local|none --python=@files --setup=@none --image=@files"
    arguments="@none @files"
    ;;
  "function test")
    parts="" passes=
    options="--input --type --inspect --runtime --handler -c --cpus-per-task --mem -G --gpus -t --time --concurrency --env --python --setup --image --no-fork --json -h --help"
    values="--input=@files --type=@none --runtime=node|python|native|exec --handler=@files -c=@none --cpus-per-task=@none --mem=@none -G=@none --gpus=@none -t=@none --time=@none --concurrency=@none --env=@none --python=@files --setup=@none --image=@files"
    arguments="@functions|@files"
    ;;
  "function logs")
    parts="" passes=
    options="-f --follow --call --last --json -h --help"
    values="--call=@past --last=@none"
    arguments="@functions"
    ;;
  "function list")
    parts="" passes=
    options="--json -u --user -n --noheader -h --help"
    values="-u=@users --user=@users"
    arguments=""
    ;;
  "function show")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="@functions"
    ;;
  "function alias")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="@functions @none"
    ;;
  "function share")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="@functions none|all|group:"
    ;;
  "function remove")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="@functions"
    ;;
  "lease")
    parts="list show end hold" passes=
    options="--config --bench --json -h --help"
    values="--config=@files"
    arguments=""
    ;;
  "lease list")
    parts="" passes=
    options="--json -n --noheader -h --help"
    values=""
    arguments=""
    ;;
  "lease show")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="@leases"
    ;;
  "lease end")
    parts="" passes=
    options="--json -h --help"
    values=""
    arguments="+@leases"
    ;;
  "lease hold")
    parts="" passes=
    options="--workers --at-least --cores --memory --ttl-ms --hot-ms --wait-ms -h --help"
    values="--workers=@none --at-least=@none --cores=@none --memory=@none --ttl-ms=@none --hot-ms=@none --wait-ms=@none"
    arguments="@functions"
    ;;
  "trace")
    parts="" passes=
    options="--config --last -u --user --output -h --help"
    values="--config=@files --last=@none -u=@users --user=@users --output=@files"
    arguments="+@past"
    ;;
  "replay")
    parts="" passes=
    options="--config --remote --inspect --async --json -h --help"
    values="--config=@files"
    arguments="@past"
    ;;
  "as")
    parts="" passes=1
    options="--config --help-as"
    values="--config=@files"
    arguments="squeue|sacct|scancel|sinfo|scontrol +@files"
    ;;
  "install-aliases")
    parts="" passes=
    options="--config --remove -h --help"
    values="--config=@files"
    arguments="@folders"
    ;;
  "acct")
    parts="" passes=
    options="--config -j --jobs -u --user --me -S --starttime -E --endtime -s --state -P --parsable2 -p --parsable --delimiter -o --format -b --brief -X --allocations --units --noconvert --name -N --nodelist -A --accounts -r --partition -n --noheader --json -h --help"
    values="--config=@files -j=,|@past --jobs=,|@past -u=@users --user=@users -S=@none --starttime=@none -E=@none --endtime=@none -s=,|PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED --state=,|PENDING|RUNNING|COMPLETED|FAILED|CANCELLED|TIMEOUT|OUT_OF_MEMORY|DEADLINE|PREEMPTED --delimiter=@none -o=,|Account|AdminComment|AllocCPUS|AllocNodes|AllocTRES|AssocID|AveCPU|AveCPUFreq|AveDiskRead|AveDiskWrite|AvePages|AveRSS|AveVMSize|BlockID|Cluster|Comment|Constraints|ConsumedEnergy|ConsumedEnergyRaw|Container|CoreMs|CPUs|CPUTime|CPUTimeRAW|DBIndex|DerivedExitCode|Elapsed|ElapsedRaw|Eligible|End|Exclusive|ExitCode|Extra|FailedNode|Flags|GID|Group|HeldMs|HotMs|JobID|JobIDRaw|JobName|Layout|Licenses|MaxDiskRead|MaxDiskReadNode|MaxDiskReadTask|MaxDiskWrite|MaxDiskWriteNode|MaxDiskWriteTask|MaxPages|MaxPagesNode|MaxPagesTask|MaxRSS|MaxRSSNode|MaxRSSTask|MaxVMSize|MaxVMSizeNode|MaxVMSizeTask|McsLabel|MinCPU|MinCPUNode|MinCPUTask|NCPUS|NNodes|NodeList|NTasks|OriginalSLUID|OverSubscribe|Partition|Planned|PlannedCPU|PlannedCPURAW|Priority|QOS|QOSRAW|QOSREQ|Reason|ReqCPUFreq|ReqCPUFreqGov|ReqCPUFreqMax|ReqCPUFreqMin|ReqCPUS|ReqMem|ReqNodes|ReqReservation|ReqTRES|Reservation|ReservationId|Reserved|Restarts|ResvCPU|ResvCPURAW|SegmentSize|SLUID|Start|State|StdErr|StdIn|StdOut|Submit|SubmitLine|Suspended|SystemComment|SystemCPU|Timelimit|TimelimitRaw|TotalCPU|TRESUsageInAve|TRESUsageInMax|TRESUsageInMaxNode|TRESUsageInMaxTask|TRESUsageInMin|TRESUsageInMinNode|TRESUsageInMinTask|TRESUsageInTot|TRESUsageOutAve|TRESUsageOutMax|TRESUsageOutMaxNode|TRESUsageOutMaxTask|TRESUsageOutMin|TRESUsageOutMinNode|TRESUsageOutMinTask|TRESUsageOutTot|UID|User|UserCPU|WCKey|WCKeyID|WorkDir --format=,|Account|AdminComment|AllocCPUS|AllocNodes|AllocTRES|AssocID|AveCPU|AveCPUFreq|AveDiskRead|AveDiskWrite|AvePages|AveRSS|AveVMSize|BlockID|Cluster|Comment|Constraints|ConsumedEnergy|ConsumedEnergyRaw|Container|CoreMs|CPUs|CPUTime|CPUTimeRAW|DBIndex|DerivedExitCode|Elapsed|ElapsedRaw|Eligible|End|Exclusive|ExitCode|Extra|FailedNode|Flags|GID|Group|HeldMs|HotMs|JobID|JobIDRaw|JobName|Layout|Licenses|MaxDiskRead|MaxDiskReadNode|MaxDiskReadTask|MaxDiskWrite|MaxDiskWriteNode|MaxDiskWriteTask|MaxPages|MaxPagesNode|MaxPagesTask|MaxRSS|MaxRSSNode|MaxRSSTask|MaxVMSize|MaxVMSizeNode|MaxVMSizeTask|McsLabel|MinCPU|MinCPUNode|MinCPUTask|NCPUS|NNodes|NodeList|NTasks|OriginalSLUID|OverSubscribe|Partition|Planned|PlannedCPU|PlannedCPURAW|Priority|QOS|QOSRAW|QOSREQ|Reason|ReqCPUFreq|ReqCPUFreqGov|ReqCPUFreqMax|ReqCPUFreqMin|ReqCPUS|ReqMem|ReqNodes|ReqReservation|ReqTRES|Reservation|ReservationId|Reserved|Restarts|ResvCPU|ResvCPURAW|SegmentSize|SLUID|Start|State|StdErr|StdIn|StdOut|Submit|SubmitLine|Suspended|SystemComment|SystemCPU|Timelimit|TimelimitRaw|TotalCPU|TRESUsageInAve|TRESUsageInMax|TRESUsageInMaxNode|TRESUsageInMaxTask|TRESUsageInMin|TRESUsageInMinNode|TRESUsageInMinTask|TRESUsageInTot|TRESUsageOutAve|TRESUsageOutMax|TRESUsageOutMaxNode|TRESUsageOutMaxTask|TRESUsageOutMin|TRESUsageOutMinNode|TRESUsageOutMinTask|TRESUsageOutTot|UID|User|UserCPU|WCKey|WCKeyID|WorkDir --units=K|M|G|T|P --name=@none -N=,|@nodes --nodelist=,|@nodes -A=@none --accounts=@none -r=@none --partition=@none"
    arguments=""
    ;;
  "bill")
    parts="" passes=
    options="--config -u --user --me -S --starttime -E --endtime --verify --head --csv --json -h --help"
    values="--config=@files -u=@users --user=@users -S=@none --starttime=@none -E=@none --endtime=@none --head=@none"
    arguments=""
    ;;
  "report")
    parts="" passes=
    options="--config -S --starttime -E --endtime --html --csv --json -h --help"
    values="--config=@files -S=@none --starttime=@none -E=@none --endtime=@none --html=@files"
    arguments="utilization|idle|prediction|adoption"
    ;;
  "simulate")
    parts="" passes=
    options="--config --holes --swf --sacct --fields --machines --outages --from --to --sample --nodes --cores-per-node --memory-per-core --call --invocations --arrivals --scale --call-memory --poll --reaction --executor-start --starts-per-plan --cold-start --eviction --notice --checkpoint --node-failures --node-repair --policy --sweep --seed --functions --worker-memory --keep-alive --min-warm --idle-timeout --html --node-csv --csv --json -h --help"
    values="--config=@files --holes=@files --swf=@files --sacct=@files --fields=@none --machines=@files --outages=@files --from=@none --to=@none --sample=@none --nodes=@none --cores-per-node=@none --memory-per-core=@none --call=@none --invocations=@files --arrivals=saturating|trace --scale=@none --call-memory=@none --poll=@none --reaction=@none --executor-start=@none --starts-per-plan=@none --cold-start=@none --eviction=@none --notice=@none --checkpoint=@none --node-failures=@none --node-repair=@none --policy=prediction|none|checkpoint|whole-nodes|known-ends --sweep=@none --seed=@none --functions=@files --worker-memory=@none --keep-alive=@none --min-warm=@none --idle-timeout=@none --html=@files --node-csv=@files"
    arguments=""
    ;;
  "info")
    parts="" passes=
    options="--config -h --noheader -N --node -l --long -o --format -n --nodes --json --help"
    values="--config=@files -o=@none --format=@none -n=,|@nodes --nodes=,|@nodes"
    arguments=""
    ;;
  "drain")
    parts="" passes=
    options="--config --now --json -h --help"
    values="--config=@files"
    arguments="+@nodes|all"
    ;;
  "resume")
    parts="" passes=
    options="--config --json -h --help"
    values="--config=@files"
    arguments="+@nodes|all"
    ;;
  "audit")
    parts="" passes=
    options="--config -u --user --action -S --starttime -E --endtime -n --limit --json -h --help"
    values="--config=@files -u=@users --user=@users --action=@none -S=@none --starttime=@none -E=@none --endtime=@none -n=@none --limit=@none"
    arguments=""
    ;;
  "token")
    parts="" passes=
    options="--config -u --user --all --json -h --help"
    values="--config=@files -u=@users --user=@users"
    arguments="revoke"
    ;;
  "setup")
    parts="" passes=
    options="--config --launcher --host --prolog --write-slurm-conf --undo -h --help"
    values="--config=@files --launcher=local|ssh|pilot --host=@none --prolog=@files --write-slurm-conf=@files"
    arguments=""
    ;;
  "doctor")
    parts="" passes=
    options="--config --json -h --help"
    values="--config=@files"
    arguments=""
    ;;
  esac
}

# Adds to COMPREPLY what fits the word that is typed.
_glean_offer() {
  local each before= words=()
  if [[ $1 == , ]]; then
    shift
    [[ $typed == *,* ]] && before=${typed%,*},
  fi
  for each; do
    case $each in
    @files) compopt -o default -o filenames; mapfile -t -O ${#words[@]} words < <(compgen -f -- "$typed") ;;
    @folders) compopt -o dirnames -o filenames; mapfile -t -O ${#words[@]} words < <(compgen -d -- "$typed") ;;
    @programs) compopt -o default; mapfile -t -O ${#words[@]} words < <(compgen -c -- "$typed") ;;
    @users) mapfile -t -O ${#words[@]} words < <(compgen -u -- "$typed") ;;
    @ids) mapfile -t -O ${#words[@]} words < <(glean queue --me -h -o %F 2>/dev/null | sort -u) ;;
    @past) mapfile -t -O ${#words[@]} words < <(glean acct --me -n -P -o JobID 2>/dev/null | sed 's/[_+.].*//' | sort -u) ;;
    @functions) mapfile -t -O ${#words[@]} words < <(glean function list -n 2>/dev/null | sed "s/ .*//; s,^$USER/,,") ;;
    @leases) mapfile -t -O ${#words[@]} words < <(glean lease list -n 2>/dev/null | sed 's/ .*//') ;;
    @nodes) mapfile -t -O ${#words[@]} words < <(glean info -h -N -o %N 2>/dev/null) ;;
    @none) ;;
    *) words+=("$each") ;;
    esac
  done
  for each in "${words[@]}"; do
    [[ $before$each == "$typed"* ]] && COMPREPLY+=("$before$each")
  done
}

_glean() {
  local path= parts options values arguments passes expected= seen=0 index word offers
  local typed=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  [[ $typed != = ]] || typed=
  _glean_command
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    # bash makes three words of --option=value.
    [[ $word != = ]] || continue
    if [[ -n $expected ]]; then
      expected=
    elif [[ $word == -* && ( -z $passes || $seen == 0 ) ]]; then
      if [[ " $values " == *" $word="* ]]; then
        expected=" $values "
        expected=${expected#*" $word="}
        expected=${expected%% *}
      fi
    elif [[ $seen == 0 && " $parts " == *" $word "* ]]; then
      path=${path:+$path }$word
      _glean_command
    else
      ((++seen))
    fi
  done
  if [[ -n $expected ]]; then
    offers=$expected
  elif [[ $typed == -* && ( -z $passes || $seen == 0 ) ]]; then
    offers=${options// /|}
  else
    read -ra arguments <<<"$arguments"
    # An argument that may be repeated comes last.
    [[ -n ${arguments[seen]} || ${arguments[*]: -1} != +* ]] || seen=$((${#arguments[@]} - 1))
    offers=${arguments[seen]#+}
    [[ $seen != 0 || -z $parts ]] || offers=${parts// /|}${offers:+|$offers}
  fi
  IFS='|' read -ra offers <<<"${offers:-@none}"
  _glean_offer "${offers[@]}"
}
complete -F _glean glean
