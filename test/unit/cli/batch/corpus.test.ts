// A corpus of scripts that use sbatch's options as people use them: which are accepted, and that
// none is accepted that would do something else. Each line is the directives of one script.

import { expect, test } from "@jest/globals";
import { readDirectives } from "../../../../src/cli/batch/directives.js";
import { aliases, sbatchOptions } from "../../../../src/cli/batch/sbatch-options.js";
import { settle } from "../../../../src/cli/batch/settle.js";

const shapes = { GLEAN: sbatchOptions, SBATCH: sbatchOptions };

/** Runs on one node, and fits a function: with notes or without. */
const accepted = `
--job-name=fit | --ntasks=1 | --cpus-per-task=4 | --mem=8G | --time=00:30:00 | --output=%x-%j.out
-J align | -N 1 | -n 8 | -t 0-02:00 | -o logs/%A_%a.log | -e logs/%A_%a.err | -a 1-24
--nodes=1 | --ntasks-per-node=16 | --mem-per-cpu=2000M | --partition=short | --account=lab42
--array=0-9 | --time=10 | --export=NONE | --get-user-env | -D /scratch
--gres=gpu:1 | --cpus-per-task=8 | --mem=32G | --time=1-00:00:00 | --qos=normal
--gpus=2 | --cpus-per-gpu=4 | --mem-per-gpu=16G | -t 30
--gpus-per-node=1 | --ntasks=1 | --mail-type=ALL | --mail-user=ada@example.org
-n1 | -c1 | --mem=500 | -t5 | -pdebug | -Aproj
--ntasks 4 | --nodes 1-1 | --tasks-per-node 4 | --time 01:00:00
--job-name "two words" | --comment='run 7' | --wckey=abc | --nice | --requeue
--exclusive | --nodes=1 | --mem=100G | --hint=nomultithread | --threads-per-core=1
--signal=B:USR1@120 | --open-mode=append | --requeue | -o run.log
--out=run.out | --err=run.err | --job=short | --cpus-per-t=2
--input=params.txt | --chdir=/home/ada | --propagate=STACK | --no-kill
--distribution=block:cyclic | --cpu-freq=high | --mem-bind=local | --ntasks=2
--reservation=course | --tmp=20G | --profile=none | --acctg-freq=30
--switches=1 | --contiguous | --use-min-nodes | --wait-all-nodes=1
--ntasks-per-socket=8 | --ntasks=8 | --cores-per-socket=8
--oversubscribe | --overcommit | -n 4 | --quiet | --verbose
--mincpus=2 | --time-min=5 | --priority=100 | --gres=none
--depend=afterok:123 | -t 5
-d afterany:123:124_7,after:125+10 | --kill-on-invalid-dep=yes
--dependency=singleton | --job-name=one
--begin=now+1hour | --deadline=now+2days
--begin=18:00 | --hold
--constraint=haswell
-C "[ib|opa]&avx2" | --exclude=node7,node[9-12]
--nodelist=node4 | --no-requeue
--gres=gpu:a100:2 | --mem=0
--gpus=v100:1 | --gpus-per-node=a100
--array=0-99%10 | --array=1-5,9%2
-k | -s | -W | --parsable | --ignore-pbs`;

/** Needs what functions do not have, or is no script of sbatch's. */
const refused = `
--nodes=2 | --ntasks-per-node=16
-N 4-8 | -t 60
--ntasks=64 | --ntasks-per-node=32
--depend=expand:123 | -t 5
--begin=soon
--constraint=haswell*4
--licenses=matlab:1
--nodelist=node[1-4]
--nodefile=nodes.txt
--container=/images/x
--container-id=7
--bb="capacity=10GB"
--uid=ada
--gres=gpu:a100:2,nvme:1
--gres=nvme:100
--array=0-99%x
--tres-per-task=cpu:4
--workdir=/home/ada
--export-file=env.txt
--prefix-of-nothing
--time=soon
--mem=lots
hetjob
--test-only`;

const scriptsOf = (text: string): string[] =>
  text
    .trim()
    .split("\n")
    .map((line) =>
      line
        .split(" | ")
        .map((each) => `#SBATCH ${each}\n`)
        .join(""),
    );

function refusalOf(directives: string): string | null {
  const { known, problems } = readDirectives(`#!/bin/bash\n${directives}true\n`, "job.sh", shapes);
  const given = known.map((each) => ({
    ...each,
    option: aliases[each.option] ?? each.option,
    ignorable: true,
  }));
  try {
    settle(given, problems);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

test.each(scriptsOf(accepted))("accepts %j", (directives) =>
  expect(refusalOf(directives)).toBeNull(),
);

test.each(scriptsOf(refused))("refuses %j", (directives) =>
  expect(refusalOf(directives)).toMatch(/job\.sh:\d+: #SBATCH|needs several nodes/),
);
