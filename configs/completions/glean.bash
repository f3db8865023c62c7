# Made by scripts/generate. Source it, or copy it to bash-completion's folder as glean.
_glean() {
  local words="batch run shell queue invoke map cancel hold release update show explain function lease trace replay as install-aliases acct bill report simulate info drain resume audit token setup doctor --help --version" word=${COMP_WORDS[COMP_CWORD]}
  [ "$COMP_CWORD" -le 1 ] || case ${COMP_WORDS[1]} in
  batch) words="--config --wrap -J --job-name -c --cpus-per-task -n --ntasks --ntasks-per-node --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node --gpus-per-task -t --time -a --array -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude -o --output -e --error -i --input --open-mode --propagate -D --chdir --export --signal --checkpoint --ignore -W --wait --test-only --parsable -h --help" ;;
  run) words="--config -J --job-name -c --cpus-per-task -n --ntasks --ntasks-per-node --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node --gpus-per-task -t --time -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude --open-mode --propagate -D --chdir --export --signal -l --label -i --input -o --output -e --error --pty -u --unbuffered -Q --quiet -I --immediate -W --wait -K --kill-on-bad-exit --requeue -h --help" ;;
  shell) words="--config -J --job-name -c --cpus-per-task --mincpus -O --overcommit --cpus-per-gpu --mem --mem-per-cpu --mem-per-gpu -G --gpus --gres --gpus-per-node -t --time -d --dependency --kill-on-invalid-dep --comment --mail-type --mail-user -b --begin --deadline -H --hold --retries --no-requeue -C --constraint -w --nodelist --tmp -x --exclude --propagate -D --chdir --export --signal -Q --quiet -I --immediate -h --help" ;;
  queue) words="--config -u --user --me -j --job -t --states -r --array -h --noheader -o --format -O --Format --start -S --sort -l --long -n --name -w --nodelist -A --account -p --partition -i --iterate --json --help" ;;
  invoke) words="--config --input --type -t --time --async --json -h --help" ;;
  map) words="--config --inputs --output --as-completed --retry-failed -t --time --async -h --help" ;;
  cancel) words="--config -u --user --me -t --state -n --name -w --nodelist -p --partition -A --account -s --signal -b --batch -f --full -Q --quiet --json -h --help" ;;
  hold) words="--config -h --help" ;;
  release) words="--config -h --help" ;;
  update) words="--config -h --help" ;;
  show) words="--config -o --oneliner --answer --log --json -h --help" ;;
  explain) words="--config --json -h --help" ;;
  function) words="deploy test logs list show alias share remove --config -h --help"
    [ "$COMP_CWORD" -le 2 ] || case ${COMP_WORDS[2]} in
    deploy) words="--runtime --handler -c --cpus-per-task --mem -G --gpus -t --time --concurrency --env --min-warm --idle-timeout --share --check --python --setup --image --no-fork --json -h --help" ;;
    test) words="--input --type --inspect --runtime --handler -c --cpus-per-task --mem -G --gpus -t --time --concurrency --env --python --setup --image --no-fork --json -h --help" ;;
    logs) words="-f --follow --call --last --json -h --help" ;;
    list) words="--json -u --user -n --noheader -h --help" ;;
    show) words="--json -h --help" ;;
    alias) words="--json -h --help" ;;
    share) words="--json -h --help" ;;
    remove) words="--json -h --help" ;;
    esac
   ;;
  lease) words="list show end hold --config --bench --json -h --help"
    [ "$COMP_CWORD" -le 2 ] || case ${COMP_WORDS[2]} in
    list) words="--json -n --noheader -h --help" ;;
    show) words="--json -h --help" ;;
    end) words="--json -h --help" ;;
    hold) words="--workers --at-least --cores --memory --ttl-ms --hot-ms --wait-ms -h --help" ;;
    esac
   ;;
  trace) words="--config --last -u --user --output -h --help" ;;
  replay) words="--config --remote --inspect --async --json -h --help" ;;
  as) words="--config --help-as" ;;
  install-aliases) words="--config --remove -h --help" ;;
  acct) words="--config -j --jobs -u --user --me -S --starttime -E --endtime -s --state -P --parsable2 -p --parsable --delimiter -o --format -b --brief -X --allocations --units --noconvert --name -N --nodelist -A --accounts -r --partition -n --noheader --json -h --help" ;;
  bill) words="--config -u --user --me -S --starttime -E --endtime --verify --head --csv --json -h --help" ;;
  report) words="--config -S --starttime -E --endtime --html --csv --json -h --help" ;;
  simulate) words="--config --holes --swf --sacct --fields --machines --outages --from --to --sample --nodes --cores-per-node --memory-per-core --call --invocations --arrivals --scale --call-memory --poll --reaction --executor-start --starts-per-plan --cold-start --eviction --notice --checkpoint --node-failures --node-repair --policy --sweep --seed --functions --worker-memory --keep-alive --min-warm --idle-timeout --html --node-csv --csv --json -h --help" ;;
  info) words="--config -h --noheader -N --node -l --long -o --format -n --nodes --json --help" ;;
  drain) words="--config --now --json -h --help" ;;
  resume) words="--config --json -h --help" ;;
  audit) words="--config -u --user --action -S --starttime -E --endtime -n --limit --json -h --help" ;;
  token) words="--config -u --user --all --json -h --help" ;;
  setup) words="--config --launcher --host --prolog --write-slurm-conf --undo -h --help" ;;
  doctor) words="--config --json -h --help" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _glean glean
