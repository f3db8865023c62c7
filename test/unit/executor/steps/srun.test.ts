// The srun that functions find: it runs tasks on the function's node as Slurm's would, and outside
// of a function it is Slurm's.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { FunctionShell, sortedLines as lines } from "../../../support/executor/function-shell.js";

const shell = new FunctionShell();
const { home, folder } = shell;
const bash = (script: string) => shell.run(script);
beforeEach(() => shell.reset());
afterAll(() => shell.remove());

/** It starts two ranks, one after the other. */
function placeMpirun(): void {
  const text = '#!/bin/bash\nshift 2; for RANK in 0 1; do OMPI_COMM_WORLD_RANK=$RANK "$@"; done\n';
  writeFileSync(join(home, "slurm/mpirun"), text);
  chmodSync(join(home, "slurm/mpirun"), 0o755);
}

test("options are resolved as getopt does; flags take no word of the command", async () => {
  expect((await bash("srun -n1 --lab --unbuf --cpu-b=none echo hi")).stdout).toBe("0: hi\n");
  expect((await bash("srun -I -n1 echo now; srun -Z -n1 --x11 echo flags")).stdout).toBe(
    "now\nflags\n",
  );
  const unknown = await bash("srun -n1 --bogus echo hi");
  expect(unknown).toMatchObject({
    status: 255,
    stdout: "",
    stderr: "srun: error: unrecognized option '--bogus'\n",
  });
  const ambiguous = await bash("srun --ntasks-per=1 echo hi");
  expect(ambiguous.stderr).toMatch(/^srun: error: option '--ntasks-per' is ambiguous: ntasks-/);
  expect((await bash("srun -n")).status).toBe(255);
  expect((await bash("srun -n x echo hi")).status).toBe(1);
});

test("more tasks than cores start only with --overcommit, of the step or of the script", async () => {
  expect(await bash("srun -n5 echo hi")).toMatchObject({ status: 1, stdout: "" });
  const five = { status: 0, stdout: "hi\n".repeat(5) };
  expect(await bash("srun -O -n5 --mpi=none echo hi")).toMatchObject(five);
  expect(await bash("SLURM_OVERCOMMIT=1 srun -n5 --mpi=none echo hi")).toMatchObject(five);
});

test("--test-only runs nothing", async () =>
  expect(await bash("srun --test-only -n1 echo ran")).toEqual({
    status: 0,
    stdout: "",
    stderr: "srun: the step would start now on n1\n",
  }));

test("a number after -i names the task that gets standard input", async () => {
  const { stdout } = await bash("echo in | srun --mpi=none -n2 -l -i 1 cat");
  expect(stdout).toBe("1: in\n");
  expect((await bash("echo in | srun -n1 -i 0 cat")).stdout).toBe("in\n");
});

test("$SLURM_LABELIO labels lines, and --open-mode keeps what files have", async () => {
  expect((await bash("SLURM_LABELIO=1 srun -n1 echo hi")).stdout).toBe("0: hi\n");
  await bash("for i in 1 2; do srun -n1 --open-mode=append -o kept echo $i; done");
  expect(readFileSync(join(home, "kept"), "utf8")).toBe("1\n2\n");
});

describe("the other tasks of a step", () => {
  const failing = `'[ $SLURM_PROCID != 1 ] || exit 3; echo up >&2; sleep 1000'`;

  test.each([
    ["-K", "Terminated", 143],
    ["--kill-on-bad-exit=1", "Terminated", 143],
    ["-W1", "Killed", 137],
    ["--wait 1", "Killed", 137],
  ])("end with %s once one has failed", async (option, how, status) => {
    const step = await bash(`srun --mpi=none -n3 ${option} bash -c ${failing}`);
    expect(step).toMatchObject({ status });
    const why = option.startsWith("-K") || option.startsWith("--k");
    expect(lines(step.stderr).filter((line) => line !== "up")).toEqual([
      why ? "srun: Terminating StepId=67108864.0" : "srun: First task exited 1s ago",
      "srun: error: n1: task 1: Exited with exit code 3",
      `srun: error: n1: tasks 0,2: ${how}`,
    ]);
  });

  test("go on without these options, and srun exits with the highest code", async () => {
    shell.environment.SLURM_KILL_BAD_EXIT = "1";
    const step = await bash(
      `srun --mpi=none -n3 -K0 -W00 bash -c '[ $SLURM_PROCID = 1 ] && exit 9; sleep 0.3; echo on; exit 2'`,
    );
    expect(step).toMatchObject({ status: 9, stdout: "on\non\n" });
  });
});

test.each([
  ["USR1", "User defined signal 1", 138],
  ["INT", "Interrupt", 130],
])("a task that dies of %s is reported as Slurm does", async (signal, how, status) => {
  const step = await bash(`srun -n1 bash -c 'kill -${signal} $$'`);
  expect(step).toMatchObject({ status, stderr: `srun: error: n1: task 0: ${how}\n` });
});

describe("a step", () => {
  test("has as many tasks as the function, each with its rank", async () => {
    const each = "'echo $SLURM_PROCID/$SLURM_NTASKS $SLURM_LOCALID $SLURM_NODEID'";
    const { stdout } = await bash(`srun --mpi=none bash -c ${each}`);
    expect(lines(stdout)).toEqual(["0/2 0 0", "1/2 1 0"]);
    const four = await bash(`srun --mpi=none -n4 --cpus-per-task=1 -l echo x`);
    expect(lines(four.stdout)).toEqual(["0: x", "1: x", "2: x", "3: x"]);
  });
  test("has the options that other tools give, its arguments and its standard input", async () => {
    const options = "--unbuffered --cpu-bind=q --exact --exclusive -N1 -n 1 -u -J step";
    const { stdout, status } = await bash(
      `echo in | srun ${options} -- sh -c 'cat; echo "$1"' x 'a  b'`,
    );
    expect({ stdout, status }).toEqual({ stdout: "in\na  b\n", status: 0 });
  });
  test("writes to the files that are named as srun names them", async () => {
    const { stdout } = await bash(
      `srun -n2 --mpi=none -o out-%j-%t.log --error=err.log sh -c 'echo $SLURM_PROCID; echo e >&2'`,
    );
    const read = (name: string) => readFileSync(join(home, name), "utf8");
    expect(stdout).toBe("");
    expect([read("out-67108864-0.log"), read("out-67108864-1.log")]).toEqual(["0\n", "1\n"]);
    expect(read("err.log")).toBe("e\ne\n");
  });
  test("ends with the highest exit code of its tasks", async () => {
    const { status, stderr } = await bash(
      "srun -n4 --mpi=none sh -c 'exit $((SLURM_PROCID % 2 + 3))'",
    );
    expect(status).toBe(4);
    expect(stderr.trim().split("\n").toSorted()).toEqual([
      "srun: error: n1: tasks 0,2: Exited with exit code 3",
      "srun: error: n1: tasks 1,3: Exited with exit code 4",
    ]);
    expect((await bash("srun -n1 sh -c 'kill -9 $$'")).stderr).toMatch(/n1: task 0: Killed\n$/);
    expect(await bash("srun -Q -n1 nothing-of-this-name")).toMatchObject({
      status: 2,
      stderr: "srun: error: execve(): nothing-of-this-name: No such file or directory\n",
    });
  });
  test("runs another program in each task by --multi-prog, also without a standard input", async () => {
    const lines = ["# tasks", "0 echo first %t", "1-2,3 echo 'task  %t' of %o", "* false"];
    writeFileSync(join(home, "programs.conf"), `${lines.join("\n")}\n`);
    expect(
      await bash("srun -n4 --mpi=none -l -i none --multi-prog programs.conf <&- | sort"),
    ).toMatchObject({
      stdout: "0: first 0\n1: task  1 of 0\n2: task  2 of 1\n3: task  3 of 0\n",
      stderr: "",
    });
  });
  test("says which file of --multi-prog it cannot read", async () => {
    expect(await bash("srun -n2 --multi-prog nothing.conf")).toMatchObject({
      status: 1,
      stderr: "srun: error: Could not open multi_prog config file nothing.conf\n",
    });
  });
  test("gives its tasks the name of the step", async () => {
    const { stdout } = await bash("srun -n1 -J solve bash -c 'echo $SLURM_JOB_NAME'");
    expect(stdout).toBe("solve\n");
  });
  test("outlives a notice, which is for its tasks", async () => {
    const task =
      "trap 'echo told; exit 5' USR2; kill -USR2 $PPID; sleep 0.2; kill -USR2 $$; sleep 5";
    const { status, stdout } = await bash(`srun -n1 bash -c "${task.replace(/\$/g, "\\$")}"`);
    expect({ status, stdout }).toEqual({ status: 5, stdout: "told\n" });
  });
  test("is started by the installed MPI if it has several tasks", async () => {
    placeMpirun();
    const { stdout } = await bash("srun -n2 sh -c 'echo $OMPI_COMM_WORLD_RANK $SLURM_PROCID'");
    expect(lines(stdout)).toEqual(["0 0", "1 1"]);
    const failing =
      "srun -n2 -o mpi-%t.log sh -c 'cat; echo $SLURM_PROCID; exit $((SLURM_PROCID * 5))'";
    expect(await bash(`${failing}; echo $?; cat mpi-0.log mpi-1.log`)).toEqual({
      ...{ status: 0, stdout: "5\n0\n1\n" },
      stderr: "srun: error: n1: task 1: Exited with exit code 5\n",
    });
    rmSync(join(home, "slurm/mpirun"));
  });
});

describe("what cannot be a step here is refused with one sentence", () => {
  test.each([
    ["-N 2 hostname", /needs 2 nodes as a batch job/],
    ["-n 5 --mpi=none hostname", /More processors requested than permitted/],
    ["--het-group=1 hostname", /not possible inside a function/],
    ["-n x hostname", /Invalid numeric value/],
    ["--wait= hostname", /Invalid numeric value "" for -K or -W/],
    ["-W 9999999999 hostname", /Invalid numeric value "9999999999" for -K or -W/],
    ["-n1", /No command given/],
  ])("srun %s", async (words, sentence) => {
    const { status, stderr, stdout } = await bash(`srun ${words}`);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^srun: error: [^\n]*\n$/);
    expect(stderr).toMatch(sentence);
  });
});

test("sbcast copies to the function's node, and replaces nothing unless told to", async () => {
  writeFileSync(join(home, "input"), "data\n");
  expect(await bash("sbcast -v --compress=lz4 input copy && cat copy")).toMatchObject({
    stdout: "data\n",
  });
  expect(await bash("sbcast input copy")).toMatchObject({
    status: 1,
    stderr: "sbcast: error: copy: File exists\n",
  });
  expect(await bash("sbcast -p -f input copy; sbcast input")).toMatchObject({
    stderr: "sbcast: error: Need two file names, have 1 names\n",
  });
});

test("a bash that sets PATH itself finds it too, and outside of a function Slurm's runs", async () => {
  const reset = `PATH=${join(home, "slurm")}:/usr/bin:/bin; srun -n1 echo here`;
  expect((await bash(reset)).stdout).toBe("here\n");
  delete shell.environment.GLEANER_INVOCATION_ID;
  expect((await bash("srun -n1 hostname")).stdout).toBe("Slurm runs -n1 hostname\n");
});

test("tasks have the variables that their caller exports, whatever the names in the script", async () => {
  const names = [...new Set(readFileSync(join(folder, "srun"), "utf8").match(/\b[a-z]\w*/g))];
  const theirs = Object.fromEntries(names.map((name) => [name, `the caller's ${name}`]));
  shell.environment = {
    ...shell.environment,
    ...theirs,
    "BASH_FUNC_fail%%": "() { echo theirs; }",
  };
  placeMpirun();
  for (const options of ["-n1", "-n2 --mpi=none", "-n2 -K --mpi=none", "-n2"]) {
    const { status, stdout } = await bash(
      `command srun ${options} bash -c 'fail; env -0 > seen.$SLURM_PROCID'`,
    );
    expect({ status, said: lines(stdout)[0] }).toEqual({ status: 0, said: "theirs" });
    const all = readFileSync(join(home, "seen.0"), "utf8").split("\0");
    expect(names.filter((name) => !all.includes(`${name}=${theirs[name]}`))).toEqual([]);
  }
  rmSync(join(home, "slurm/mpirun"));
});

test("--export without ALL lets a task have what it lists, and what every task needs", async () => {
  shell.environment = { ...shell.environment, n: "7", FOO: "bar", OTHER: "x" };
  const show = `sh -c 'echo "[$n] [$FOO] [$OTHER]"'`;
  const { stdout } = await bash(
    `srun -n1 --export=FOO ${show}; srun -n1 --export=NONE ${show}
     srun -n1 --export=n,FOO=2 ${show}; srun -n1 --export=ALL,n=3 ${show}`,
  );
  expect(stdout).toBe("[] [bar] []\n[] [] []\n[7] [2] []\n[3] [bar] [x]\n");
});

test("steps are counted, also those that begin at once; without a folder all are 0", async () => {
  const own = mkdtempSync(join(home, "own-"));
  const show = `sh -c 'echo $SLURM_STEP_ID $SLURM_STEPID'`;
  expect((await bash(`srun -n1 ${show}; srun -n1 ${show}`)).stdout).toBe("0 0\n0 0\n");
  shell.environment = { ...shell.environment, GLEANER_TMPDIR: own };
  const { stdout } = await bash(
    `for at in 1 2 3 4 5 6; do srun -n1 ${show} & done; wait; srun -n1 -o %s-%J.txt true; ls 6-*`,
  );
  expect(lines(stdout)).toEqual(
    [..."012345"].map((at) => `${at} ${at}`).concat("6-67108864.6.txt"),
  );
});

test("prologs and epilogs run, and a task's prolog sets its variables", async () => {
  writeFileSync(join(home, "before"), "#!/bin/bash\necho export NEW=a b\necho print printed\n");
  writeFileSync(
    join(home, "after"),
    "#!/bin/bash\necho $SLURM_PROCID $NEW > after-$SLURM_PROCID\n",
  );
  writeFileSync(join(home, "said"), "#!/bin/bash\necho step\n");
  for (const name of ["before", "after", "said"]) chmodSync(join(home, name), 0o755);
  const options = "--task-prolog=./before --task-epilog=./after --prolog=./said --epilog=./said";
  const step = await bash(`srun -n1 --cpu_bind=none ${options} bash -c 'echo $NEW; exit 3'`);
  expect(step).toMatchObject({ status: 3, stdout: "step\nprinted\na b\nstep\n" });
  expect(readFileSync(join(home, "after-0"), "utf8")).toBe("0 a b\n");
});
