// Which value of an option counts, and which options of sbatch are accepted, noted and refused.

import { describe, expect, test } from "@jest/globals";
import { batchOptions } from "../../../../src/cli/batch/options/batch-options.js";
import { judgeForeign } from "../../../../src/cli/batch/options/foreign-options.js";
import { aliases, sbatchOptions } from "../../../../src/cli/batch/options/sbatch-options.js";
import { termsOf } from "../../../../src/cli/batch/options/term-options.js";
import { type Given, settle } from "../../../../src/cli/batch/settle.js";
import { sizesOf } from "../../../../src/cli/batch/sizes.js";
import { readVariables } from "../../../../src/cli/batch/variables.js";

/** `--mem=1G` of line 2, line 3 and so on of a script; a word that begins with ! is not of it. */
const given = (...words: string[]): Given[] =>
  words.map((word, at) => {
    const [option, value = ""] = word.replace(/^!?--/, "").split("=");
    const where = word.startsWith("!") ? `--${option}` : `job.sh:${at + 2}: #SBATCH --${option}`;
    return { option: option!, value, where, source: word.startsWith("!") ? "line" : "SBATCH" };
  });
const settings = (...words: string[]) => settle(given(...words)).settings;
const refusals = (...words: string[]): string[] => {
  try {
    settle(given(...words));
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
};

describe("the value that counts", () => {
  test("is the last one, also of options that replace each other", () => {
    const last = settings("--gpus=1", "--cpus-per-task=2", "!--cpus-per-task=3", "--gres=gpu:2");
    expect(sizesOf(last)).toMatchObject({ gpus: 2, cores: 3 });
  });
  test("is the only one that is judged", () => {
    expect(refusals("--mem=lots", "--nodes=4", "--uid=0", "!--mem=1G", "!--nodes=1")).toEqual([
      expect.stringMatching(/--uid "0": only root .*: override it with --ignore=uid/),
    ]);
    expect(settings("--no-requeue", "!--requeue").schedule).toEqual({});
    expect(settings("--no-requeue").schedule).toEqual({ once: true });
  });
  test("is told with all others that are wrong, each with its place and what overrides it", () =>
    expect(refusals("--nodes=2", "--licenses=a:1", "--mem=lots", "--time=soon")).toEqual([
      'job.sh:2: #SBATCH --nodes "2": a function runs on one node: override it with --nodes=1, or submit the script with Slurm\'s sbatch',
      'job.sh:3: #SBATCH --licenses "a:1": only Slurm counts licenses: override it with --ignore=licenses, or submit the script with Slurm\'s sbatch',
      expect.stringMatching(
        /^job\.sh:4: #SBATCH --mem: invalid memory size .*\(override it with --mem\)$/,
      ),
      expect.stringMatching(
        /^job\.sh:5: #SBATCH --time: invalid time .*\(override it with --time\)$/,
      ),
    ]));
  test("can be left out with --ignore", () => {
    expect(refusals("--licenses=a", "--begin=now", "!--ignore=licenses,begin")).toEqual([]);
    expect(refusals("!--licenses=a", "!--ignore=licenses")).toHaveLength(1);
  });
});

describe("sbatch's options", () => {
  test("--export= exports what NONE does", () =>
    expect(settle(given("--export=")).settings.exported).toBe("NONE"));
  test.each([
    ["0-6:2,9", "2"],
    ["0,2,4,6", "1"],
    ["5", "1"],
  ])("--array=%s has a step of %s, as sbatch reads it", (tasks, step) =>
    expect(settle(given(`--array=${tasks}`)).variables).toEqual({ SLURM_ARRAY_TASK_STEP: step }),
  );
  test("--array= is no array", () => {
    const { settings: none, variables } = settle(given("--array=1-3", "--array="));
    expect([none.arrayTasks, variables]).toEqual([null, {}]);
  });
  test("several lines of mail types add up, and other sources replace them", () => {
    const { settings: both, notes } = settle(given("--mail-type=BEGIN", "--mail-type=END,FOO"));
    expect(both.mail?.on).toEqual(["begin", "end"]);
    expect(notes).toEqual(['no mails are sent at "FOO" of job.sh:3: #SBATCH --mail-type']);
    expect(settings("--mail-type=BEGIN", "!--mail-type=FAIL").mail?.on).toEqual(["fail"]);
  });
  test("--export=all is the default, of which srun is not told", () => {
    expect(settle(given("--export=all")).variables).not.toHaveProperty("SLURM_EXPORT_ENV");
    expect(settle(given("--export=A")).variables).toMatchObject({ SLURM_EXPORT_ENV: "A" });
  });
  test("none as the name of a file is no file", () =>
    expect(settings("--output=none", "--error=NONE", "--input=None")).toMatchObject({
      stdoutPattern: "/dev/null",
      stderrPattern: "/dev/null",
      stdinPattern: "/dev/null",
    }));
  test("--propagate takes the limits that sbatch knows", () => {
    expect(settings("--propagate=RLIMIT_NOFILE,stack").propagate).toEqual(["nofile", "stack"]);
    expect(refusals("--propagate=NOFILES")[0]).toMatch(/invalid limit "nofiles": expected some of/);
  });

  test("are all known: each has an effect or a verdict", () => {
    for (const { name } of sbatchOptions) {
      if (batchOptions.some((own) => own.name === name) || aliases[name] !== undefined) continue;
      expect(() => judgeForeign(name, "1")).not.toThrow();
    }
  });
  test.each(["--nodes=1", "--nodes=1-4", "--partition=debug", "--requeue", "--nice=5", "--wrap=x"])(
    "%s changes nothing",
    (word) => expect(settle(given(word)).notes).toEqual([]),
  );
  test("are noted with a reason that is said once", () =>
    expect(settle(given("--hint=multithread", "--reboot", "--mem-bind=a")).notes).toEqual([
      "ignored job.sh:2: #SBATCH --hint, job.sh:4: #SBATCH --mem-bind: Gleaner chooses the cores",
      "ignored job.sh:3: #SBATCH --reboot: no node is restarted for a function",
    ]));
  test.each(["--container=x", "--dependency=expand:1", "--constraint=a*2", "--bb=x", "--hint=x"])(
    "%s is refused",
    (word) => expect(refusals(word)).toHaveLength(1),
  );
});

describe("tasks on one node", () => {
  test.each([
    [["--ntasks=8"], { cores: 8, ntasks: 8 }],
    [["--ntasks-per-node=4", "--cpus-per-task=2"], { cores: 8, ntasks: 4 }],
    [["--ntasks=4", "--overcommit"], { cores: 1, ntasks: 4 }],
    [["--ntasks=2", "--gpus-per-task=2"], { cores: 2, gpus: 4 }],
    [["--gpus=2", "--cpus-per-gpu=6", "--mem-per-gpu=4G"], { cores: 12, memoryMb: 8192 }],
    [["--mincpus=4"], { cores: 4, ntasks: 1 }],
  ])("%j", (words, expected) => expect(sizesOf(settings(...words))).toMatchObject(expected));
  test("are there if nodes say so: tasks per node do not count for one, nor nodes for one task", () => {
    expect(sizesOf(settings("--nodes=1", "--ntasks=8", "--ntasks-per-node=4")).ntasks).toBe(8);
    expect(sizesOf(settings("--nodes=2", "--ntasks=1")).ntasks).toBe(1);
    expect(refusals("--nodes=2-4", "--ntasks=1")).toHaveLength(1);
  });
  test("are refused if they need several", () =>
    expect(refusals("--ntasks=8", "--ntasks-per-node=4")).toEqual([
      expect.stringMatching(/needs several nodes/),
    ]));
});

test("the variables of sbatch's options are those of the values that count", () =>
  expect(
    settle(given("--ntasks-per-node=2", "--mem-per-cpu=2G", "--gpus=a100:1", "--gres=gpu:2"))
      .variables,
  ).toEqual({ SLURM_NTASKS_PER_NODE: "2", SLURM_MEM_PER_CPU: "2048" }));

test("--gres replaces all of an earlier one, and GPUs given otherwise only its GPUs", () => {
  const sizes = (...options: string[]) => {
    const { gpus, where } = settings(...options);
    return { gpus, where };
  };
  const nvme = { gres: { nvme: 2 } };
  expect(sizes("--gpus=1", "--gres=nvme:2")).toEqual({ gpus: 1, where: nvme });
  expect(sizes("--gres=nvme:2", "--gpus=a100:1")).toEqual({
    gpus: 1,
    where: { ...nvme, gpuType: "a100" },
  });
  expect(sizes("--gres=gpu:a100:1,nvme:2", "--gpus=3")).toEqual({ gpus: 3, where: nvme });
  expect(sizes("--gres=gpu:a100:1,tape:1", "--gres=nvme:2")).toEqual({ gpus: 0, where: nvme });
  expect(sizes("--gres=nvme:2", "--gres=gpu:1")).toEqual({ gpus: 1, where: {} });
  expect(sizes("--gres=nvme:2", "--gres=none")).toEqual({ gpus: 0, where: {} });
});

test("what is no address gets no mail, and stops no script", () => {
  const wrong = settle(given("--mail-type=END", "--mail-user=$USER@example.org"));
  expect(termsOf(wrong.settings)).toEqual({});
  expect(wrong.notes).toEqual([
    'no mails are sent: job.sh:3: #SBATCH --mail-user "$USER@example.org" is no address',
  ]);
  const two = settings("--mail-type=END", "--mail-user=ada@a.org,bob");
  expect(termsOf(two).mail).toMatchObject({ to: "ada@a.org,bob" });
});

test("a time limit of 0 or without an end is the longest", () =>
  expect(settings("--time=0").timeLimitMs).toBe(settings("--time=UNLIMITED").timeLimitMs));

test("variables are those of sbatch; GLEAN_ counts more, and no is no", () => {
  const environment = {
    SBATCH_TIMELIMIT: "5",
    GLEAN_TIMELIMIT: "6",
    SBATCH_OVERCOMMIT: "no",
    SBATCH_WAIT: "1",
    SBATCH_FOO: "x",
  };
  expect(readVariables(environment, sbatchOptions)).toEqual([
    { option: "time", value: "5", where: "$SBATCH_TIMELIMIT", source: "variable" },
    { option: "wait", value: "", where: "$SBATCH_WAIT", source: "variable" },
    { option: "time", value: "6", where: "$GLEAN_TIMELIMIT", source: "variable" },
  ]);
});
