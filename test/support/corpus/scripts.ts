// A corpus of scripts that use sbatch's options as people use them. A line is the head of a
// script, one directive after the other; `{a;b}` stands for one script with a and one with b, and
// `>` begins a line that is no directive.

/** Run on one node, and fit a function: sbatch accepts them, and so does `glean batch`. */
const runnable = String.raw`
--job-name={fit;align_01;"two words"} | --ntasks=1 | --cpus-per-task=4 | --mem=8G | --time=00:30:00 | --output=%x-%j.out
-J align | -N 1 | -n {1;8} | -t {0-02:00;30;45:00} | -o logs/%A_%a.log | -e logs/%A_%a.err | -a 1-24
--nodes=1 | --ntasks-per-node={1;16} | --mem-per-cpu=2000M | --partition=short | --account=lab42
--array={0-9;1,3,5-7;0-15:4;[1-4];7} | --time=10 | --export=NONE | --get-user-env | -D /tmp
--gres={gpu:1;gpu;gpu:2} | --cpus-per-task=8 | --mem=32G | --time=1-00:00:00 | --qos=normal
--gpus={2;1} | --cpus-per-gpu=4 | --mem-per-gpu=16G | -t 30
--gpus-per-node=1 | --ntasks=1 | --mail-type={ALL;NONE;END;FAIL,TIME_LIMIT_80} | --mail-user=ada@example.org
-n1 | -c1 | --mem=500 | -t5 | -pdebug | -Aproj
--ntasks 4 | --nodes 1-1 | --tasks-per-node 4 | --time 01:00:00
--job-name "two words" | --comment='run 7' | --wckey=abc | --nice | --requeue
--exclusive | --nodes=1 | --mem=100G | --hint=nomultithread
--signal={B:USR1@120;USR1@60;SIGTERM@90;10@30;B:TERM} | --open-mode=append | --requeue | -o run.log
--out=run.out | --err=run.err | --job=short | --cpus-per-t=2
--input=/dev/null | --chdir=/tmp | --propagate=STACK | --no-kill
--distribution={block:cyclic;cyclic;block} | --cpu-freq=high | --mem-bind=local | --ntasks=2
--tmp=20G | --profile=none | --acctg-freq=30
--switches=1 | --contiguous | --use-min-nodes | --wait-all-nodes=1
--oversubscribe | --overcommit | -n 4 | --quiet
--mincpus=1 | --time-min=5 | --priority=100 | --gres=none | --time=10
--kill-on-invalid-dep=yes | --dependency=singleton | --job-name=one
--begin={now+1hour;18:00;2030-01-31T08:00:00} | --deadline=2031-01-01 | --time=60
--constraint={haswell;haswell&ib;ib|opa;"[ib|opa]&avx2"}
--exclude=n2 | --no-requeue | --time=20
--nodelist=n1 | --mem=0
--array=0-99%10 | --time=3
--array=1-5,9%2 | -o arr_%a.txt
-s | --parsable | --ignore-pbs

-J a#b | --comment="a # b" | --output=%x.%j.log
--cpus-per-task=2 --mem=1G # two options | --time=0:30:00    # and a comment
-n2 -c1 -t5 -Jglued -oglued.%j.out -eglued.%j.err
--job-name=a/b | --output=%x.out
--mem={4G;4GB;4096;4096M;4g;4096MB;4194304K;0;0G;1T} | --time=15
--mem-per-cpu={2G;2048;512M;1gb;0} | -c {1;4}
--time={5;5:30;1:30:00;2-0;2-12;2-12:30;2-12:30:15;0:45;00:05:00;0-00:20;120} | --mem=1G
--time={UNLIMITED;INFINITE;0} | --mem=1G
-t {10;1:00:00} | -c{1;2;16} | --mem {1G;2000}
--output={%j.out;job.%J.log;%x_%u.log;out-%N.txt;logs/%x/%j.o;%5j.out;%%done.log;/dev/null;plain;slurm-%A_%a.out} | --ntasks=1
--output={array_%A_%a.out;%a/%A.log;%4a.txt;all.log} | --error={array_%A_%a.err;err-%a} | --array=1-3
--error={%j.err;/tmp/%u-%x.err} | --job-name=split
-o "with space %j.out" | -e 'single %j.err'
-o a\\%j.out
--export={ALL;NONE;HOME,PATH;ALL,FOO=bar;FOO=1,BAR=2;FOO="a b"}
--ntasks={2;4;16} | --cpus-per-task={1;2} | --nodes=1
--ntasks-per-node={2;8} | --cpus-per-task=2
--ntasks=8 | --ntasks-per-node=8 | --nodes=1
--nodes=1 | --ntasks=8 | --ntasks-per-node=4
--nodes=2 | --ntasks=1
--nodes=1-2 | --ntasks=4
-N {1;1-1;1-4} | -n 2 | -p {short;long,short}
--threads-per-core=1 | --ntasks=1
--ntasks-per-core=1 | --ntasks=2
--ntasks-per-socket=8 | --ntasks=8
--hint={multithread;compute_bound;memory_bound} | -n 2
--cores-per-socket=1
--licenses= | -t 5
--mail-user={$USER@example.org;<your-email>;ada@a.org,bob@b.org;YOUR_EMAIL;me;ada+slurm@mail.example.org} | --mail-type={END;ALL}
--mail-type={BEGIN,END,FAIL;end,fail;NONE;ARRAY_TASKS,FAIL;BEGIN,END,FAIL,REQUEUE,TIME_LIMIT} | --mail-user=ada
-A lab | -p long | --qos=normal | --comment="a comment" | --nice=100
--account={a_b-c;lab.x} | --reservation=
--signal={USR1;B:SIGINT@300;TERM@0} | --time=30
--open-mode={append;truncate} | --output=log.txt
--requeue | --no-requeue
--no-requeue | --requeue
--exclusive={user;mcs} | -n 1
--oversubscribe | --exclusive
--gpus-per-task=1 | --ntasks=2 | --nodes=1
--gpus-per-node=2 | --cpus-per-gpu=2
-c 2 | -c 4 | --time=5 | --time=10
-vv | -Q | --no-kill=off
--propagate={ALL;NONE;STACK,MEMLOCK} | --export=ALL
--delay-boot=5 | --spread-job
--dependency={afterany:1;after:1;afterok:1:2;afternotok:1;afterany:1,afterok:2;afterany:1?afterok:2;after:1+5}
-d afterany:1 | -H
--depend=singleton | --job-n=x | --mem-per-c=1G | --part=short
--out run.out | --err run.err | --depe singleton | --time-m 10 | --time=20

--nodes=1 | --ntasks-per-node=4 | --cpus-per-task=8 | --gpus-per-node=4 | --mem=0 | --exclusive
-c 4 | -n 2 | --mem-per-cpu=4G | -J rna_seq | -o %x.o%j | -e %x.e%j | --mail-type=FAIL
-a {0-9;1-10%3} | -c 2 | -J sweep | -o sweep_%A-%a.out | --mem=500M | -t 0:20:00
-N1 | --tasks-per-node=1 | -c {12;32} | --mem-per-cpu=3500M | -p batch | --time=12:00:00

-J {R_fit;py-train;blast+} | -t {02:00:00;90} | --mem-per-cpu=8G | -o "%x_%j.txt" | >Rscript fit.R
--gres=gpu:{1;4} | -N 1 | -n 1 | -c 10 | --mem=60G | --time=2-00 | --mail-type=END,FAIL | >python train.py
--array=1-{5;100}%{1;20} | --export=ALL | --mem=1G | -o logs/%x.%A.%a.out | -e logs/%x.%A.%a.err

-J dask-worker | -e dask-logs/w-%J.err | -o dask-logs/w-%J.out | -n 1 | --cpus-per-task=1 | --mem=954M | -t 00:05:00
># properties = {"type": "single", "rule": "one"} | >cd /tmp && python -m snakemake --snakefile x

-n 4 # four tasks | --time=1:00:00   # one hour | --mem=2G # memory
-J "name#1" | -o 'a#b.log'
-J name#comment | --time=10#minutes
-J back\slash | -o "quote\"d".log
-J 'it"s' | -o plain
-n 2 -c 2 --mem=1G -t 10 | -J several -o several.out
-N1 -n4 | -t10 -JX | -ohere.txt
>##SBATCH --nodes=9 | -n 2 | ># SBATCH --mem=9T | > #SBATCH --frob | --time=5
>#sbatch --nodes=7 | ># a comment | > | >   | -c 2
># ---------------- | >#SBATCH	--time=7 | >#SBATCH   -n   2   | >#SBATCH	-J	tabbed
>#SBATCH--mem=1G | >#SBATCH
>module load gcc/12 | --nodes=12 | --frob
-c 2 | >set -euo pipefail | --ntasks=96
-c 3 | >cat <<EOF | >#SBATCH --nodes=5 | >EOF
-c 3 | >export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK | >srun -n 1 true
--time=5 | >#DW jobdw capacity=1GB | >#BB create_persistent | >#$ -pe smp 4 | -c 2
-J continued \ | -n 2 \ | --mem=1G\ | --time=5
--array=1-3 | >FILE=$(sed -n "$SLURM_ARRAY_TASK_ID"p list) | >python run.py "$FILE"
--nodes=1 | >: "a colon command" | --mem=lots
-n +2 | -c ' 2'
--array=1-3 | --array=
>#PBS -N tiles -l nodes=1:ppn=2,walltime=0:30:00 | >#PBS -l mem=1gb -j oe -V | -c 1
>#PBS -l select=1:ncpus=4:mpiprocs=2 | >#PBS -o out.log -e err.log -J 1-4
>#BSUB -n 2,4 -W 10 -J lsf | >#BSUB -M 500000 -o lsf.log -cwd /tmp | >#PBS -N pbs
-J own -t 5 | >module load gcc/12 | >#PBS -N late -q short -v A=1 -h
>#PBS -N pbs | --ignore-pbs -J own
`;

/** sbatch accepts them on a site that has it all; a function cannot do what they say. */
const beyond = `
--nodes=2 | --ntasks-per-node=16
-N {2;2-4;4-8} | -t 60 | -n 8
--ntasks=32 | --ntasks-per-node=16
--licenses=matlab:1
>#PBS -l nodes=2:ppn=4
--nodelist=n[1-2]
--uid=nobody
--ntasks-per-gpu=2 | --gpus=1
--gpus-per-socket=1 | --sockets-per-node=1
-n 2 | >#SBATCH hetjob | -n 4
--constraint="[haswell*1&opa*1]" | -N 2
`;

/** sbatch refuses them, too. */
const invalid = `
--begin=soon
--array={5-1;a-b;1-}
--workdir=/home/ada
--prefix-of-nothing
--time={soon;10x;1:2:3:4:5}
--mem={lots;1.5G;10%;-1;4GiB;4G,}
--mem
--ntasks={0;x;1.5}
--cpus-per-task={0;many}
--nodes={x;<nodes>}
--mail-type={SOMETIMES;END+FAIL}
--open-mode=both
--dependency=expand
--signal=USR9@5
--distribution=em=4G
-mem=4G
-time=10:00
-job-name=x
--cpu-bind=cores
--mpi=pmix
--label
--wait=5
--gpu=1
--mem=4G (four)
--job-name two words
--job-name=two\\ words
–-mem=4G
—mem=4G
-J 'open
>#SBATCH: --time=5
>#SBATCHFOO
>#PBS -l select=1:mem=1gb:ncpus=2
>#BSUB -R "rusage[mem=4]"
--exclusive=sometimes
--kill-on-invalid-dep=maybe
--hint=fast
--export-file=nowhere | --frob
--ntasks-per-node=two
--mem=1G | --mem-per-cpu=2G
--mem-per-cpu=2G | --mem=1G
`;

/** What sbatch refuses, and what is clear nevertheless. */
const lenient = `
--time={1h30m;90s;"2 hours";500ms}
--signal={@60;B:} | --time=30
--requeue=x
`;

export interface Script {
  readonly head: string;
  readonly text: string;
}

const expanded = (line: string): string[] => {
  const match = /^(.*?)\{([^{}]*;[^{}]*)\}(.*)$/s.exec(line);
  if (match === null) return [line];
  return match[2]!.split(";").flatMap((each) => expanded(match[1] + each + match[3]));
};

const shebangs = [
  "#!/bin/bash",
  "#!/bin/sh",
  "#!/usr/bin/env bash",
  "#!/bin/bash -l",
  "#! /bin/sh",
];

const scriptOf = (head: string, at: number): Script => {
  const lines = head
    .split(" | ")
    .map((each) => (each[0] === ">" ? each.slice(1) : `#SBATCH ${each}`));
  return { head, text: [shebangs[at % shebangs.length], ...lines, "true", ""].join("\n") };
};

const scriptsOf = (table: string): Script[] =>
  table
    .split("\n")
    .filter((line) => line.trim() !== "")
    .flatMap(expanded)
    .map(scriptOf);

export const corpus = {
  runnable: scriptsOf(runnable),
  beyond: scriptsOf(beyond),
  invalid: scriptsOf(invalid),
  lenient: scriptsOf(lenient),
};
