// Steps of one function beside each other: which cores and GPUs each has, and when one waits.

import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { stepScript } from "../../../../src/executor/steps/step-script.js";
import { FunctionShell, sortedLines as lines } from "../../../support/executor/function-shell.js";

const shell = new FunctionShell();
const { home } = shell;
const bash = (script: string) => shell.run(script);
afterAll(() => shell.remove());

describe("steps beside each other", () => {
  let folderOfStep: string;
  beforeEach(() => {
    shell.reset();
    folderOfStep = mkdtempSync(join(home, "tmp-"));
    Object.assign(shell.environment, {
      GLEANER_TMPDIR: folderOfStep,
      CUDA_VISIBLE_DEVICES: "4,5,6,7",
    });
    delete shell.environment.SLURM_NTASKS;
  });
  /** The first step runs until the second one has said something: that it waits, on stderr. */
  const waiting = (first: string, second: string, then = "echo > go"): string => `
    cd ${folderOfStep}; mkfifo begun go said
    command srun ${first} --mpi=none bash -c 'echo > begun; read < go; echo first ends' & first=$!
    read < begun
    srun ${second} bash -c 'echo second $CUDA_VISIBLE_DEVICES' 2> said & second=$!
    { read -r line; echo "$line"; ${then}; cat > /dev/null; } < said
    wait; rm begun go said`;
  const waits =
    "srun: Job 67108864 step creation temporarily disabled, retrying (Requested nodes are busy)";

  test("wait for the cores that they ask for", async () =>
    expect((await bash(waiting("-n1 -c4", "-n1"))).stdout).toBe(
      `${waits}\nfirst ends\nsecond 4,5,6,7\n`,
    ));

  test("wait for the GPUs that they ask for, and get others than those in use", async () => {
    const { stdout } = await bash(waiting("-n1 --gpus=3", "-n1 -G2"));
    expect(stdout).toBe(`${waits}\nfirst ends\nsecond 4,5\n`);
    const beside = waiting("-n1 --gres=gpu:a100:1", "-n1 --gpus-per-node=a100:2");
    const both = await bash(beside.replace("2> said", "> said"));
    expect(both.stdout).toBe("second 5,6\nfirst ends\n");
  });

  test("go on after one that was killed", async () => {
    const killed = "kill -9 $first; wait $second; echo > go";
    const { stdout } = await bash(waiting("-n1 -c4", "-n1", killed));
    expect(lines(stdout)).toEqual(["first ends", "second 4,5,6,7", waits]);
  });

  test("do not wait with --overlap, within another step, and with --immediate", async () => {
    const inside = `bash -c 'srun -n4 --mpi=none --overlap echo beside; srun -n1 -c4 echo within'`;
    expect(await bash(`srun -n1 -c4 ${inside}`)).toMatchObject({
      status: 0,
      stdout: `${"beside\n".repeat(4)}within\n`,
    });
    const now = `bash -c 'unset SLURM_STEP_ID; srun -I -n1 echo now'`;
    expect(await bash(`srun -n1 -c4 ${now}`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Unable to create step for job 67108864: Requested nodes"),
    });
  });

  /** Runs `script` while a step of 2 cores runs and `waiter` waits behind it, then ends both. */
  const whileOneWaits = (waiter: string, script: string): string =>
    waiting("-n1 -c2", waiter, `{ ${script}; } 3>&-; echo > go`);

  test("start with --overlap and --immediate, and within one that runs, while another waits", async () => {
    const script = `srun --overlap -n1 echo beside; srun -I -n1 -c2 echo now
      SLURM_STEP_ID=0 srun -n1 -c4 echo within; srun -I -n1 -c3 true 2>&1`;
    const { stdout } = await bash(whileOneWaits("-n1 -c4", script));
    expect(stdout.split("\n")).toEqual([
      ...[waits, "beside", "now", "within"],
      "srun: error: Unable to create step for job 67108864: Requested nodes are busy",
      ...["first ends", "second 4,5,6,7", ""],
    ]);
  });

  test("pass one that waits for more than is left, also where both wait", async () => {
    const passing = `mkfifo up on heard; exec 5<> heard
      srun -n1 -c2 bash -c 'echo > up; read < on' & third=$!
      read < up
      srun -n1 echo small 2>&5 & small=$!
      read -u5; echo > on
      wait $third $small`;
    const { stdout } = await bash(whileOneWaits("-n1 -c4", passing));
    expect(stdout).toBe(`${waits}\nsmall\nfirst ends\nsecond 4,5,6,7\n`);
  });

  test("start all that fit once one leaves, without a look at the clock", async () => {
    const timeless = join(home, "timeless");
    writeFileSync(timeless, stepScript.replace(/ -t\S+ -u7/, " -u7"), { mode: 0o755 });
    const { stdout } = await bash(`cd ${folderOfStep}; mkfifo up said go end
      exec 4<> end 5<> said 6<> up
      run() { ${timeless} -n1 "$@" 4>&- 5>&- 6>&-; }
      run -G4 bash -c 'echo > up; read < go' & read -u6
      # It keeps one core, so that the big one cannot start in place of the small ones.
      run bash -c 'echo > up; read < end' & read -u6
      run -c4 echo big 2> said & read -u5
      for step in 3 4 5; do
        run -G1 bash -c 'echo $SLURM_STEP_ID > up; read < end' 2> said & read -u5
      done
      for step in 6 7 8; do run true; done
      echo > go
      for step in 1 2 3; do read -u6; echo $REPLY; done | sort
      for step in 1 3 4 5; do echo >&4; done; wait`);
    expect(stdout).toBe("3\n4\n5\nbig\n");
  });

  test("read what runs without a file of their own, for which a full disk has no room", () =>
    expect(stepScript).not.toContain("<<"));

  test("go on waiting after a notice, of which bash says nothing", async () => {
    const noticed = `exec 5<> heard 6<> .next-step
      flock 6; command srun -n1 echo third 2>&5 6>&- & third=$!
      until read -r child < /proc/$third/task/$third/children; grep -qs flock /proc/$child/comm
      do sleep 0.01; done
      kill -USR1 $third $child; flock -u 6; read -u5
      until [ -p .step-wait-*-$third ]; do sleep 0.01; done
      kill -USR1 $third; echo > go; wait $second $third; echo >&5; read -u5 line; echo "$line"`;
    const { stdout } = await bash(waiting("-n1 -c4", "-n1 -c4", `mkfifo heard; ${noticed}`));
    expect(lines(stdout)).toEqual([
      ...["first ends", "second 4,5,6,7"],
      waits,
      "srun: Step created for StepId=67108864.2",
      "third",
    ]);
  });

  test("keep their cores when the script that started them has ended", async () => {
    const started = `cd ${folderOfStep}; mkfifo begun go said; exec 5<> said
      bash -c 'command srun -n1 -c4 bash -c "echo > begun; read < go; echo first ends" &
        read < begun'
      srun -n1 echo second 2>&5 & read -r line <&5; echo "$line"; echo > go; wait`;
    expect(lines((await bash(started)).stdout)).toEqual(["first ends", "second", waits]);
  });

  test("leave their cores once they are killed, before anybody asks how they ended", async () => {
    const killed = `cd ${folderOfStep}; mkfifo begun go
      sh -c 'command srun -n1 -c4 bash -c "echo \\$PPID > begun; read < go" & exec sleep 1000' &
      read pid < begun; kill -9 $pid; srun -n1 -c4 echo second; echo > go; kill $!`;
    expect((await bash(killed)).stdout).toBe("second\n");
  });

  test("say with -Q nothing about waiting", async () => {
    const { stdout, stderr } = await bash(`cd ${folderOfStep}; mkfifo begun go
      srun -n1 -c4 bash -c 'echo > begun; read < go' &
      read < begun; srun -Q -n1 echo second &
      until [ -p .step-wait-* ]; do sleep 0.01; done; echo > go; wait`);
    expect({ stdout, stderr }).toEqual({ stdout: "second\n", stderr: "" });
  });

  test.each([".next-step", ".step-0"])("are refused if %s cannot be written", async (name) => {
    symlinkSync("nothing/there", join(folderOfStep, name));
    expect(await bash("srun -n1 echo ran")).toEqual({
      ...{ status: 1, stdout: "" },
      stderr: `srun: error: Unable to create step for job 67108864: Cannot write to ${folderOfStep}: delete files there, or others of yours on its disk\n`,
    });
  });

  test("are refused if they cannot wait, and a full disk leaves each its own number", async () => {
    const { stdout, stderr } = await bash(`cd ${folderOfStep}; mkfifo begun go
      mkdir without; ln -s /bin/false without/mkfifo
      srun -n1 -c4 bash -c 'echo > begun; read < go' &
      read < begun; PATH=$PWD/without:$PATH srun -n1 echo second; echo $?
      (trap "" XFSZ; ulimit -f 0; srun --overlap -n1 true 2> /dev/null; echo $?)
      echo > go; wait; srun -n1 bash -c 'echo $SLURM_STEP_ID'`);
    expect(stdout).toBe("1\n1\n2\n");
    expect(stderr.split("\n")).toEqual([
      waits,
      expect.stringMatching(/^srun: error: Unable to create step for job 67108864: Cannot write/),
      "",
    ]);
  });

  test.each([
    ["-n2 --gpus-per-task=2", "0 4,5", "1 6,7"],
    ["-n2 --gpus=2 --tres-per-task=cpu:1", "0 4,5", "1 4,5"],
    ["-n2 --gpus-per-task=1 --tres-per-task=cpu:1", "0 4", "1 5"],
    ["-n2 -G 4 --gpu-bind=map_gpu:03,01*2", "0 7", "1 5"],
    ["-n2 --gres=gpu:3", "0 4,5,6", "1 4,5,6"],
    ["-n2 --tres-per-task=gres/gpu:1", "0 4", "1 5"],
    ["-n2 --gpus-per-task=1 --gpu-bind=none", "0 4,5", "1 4,5"],
    ["-n2 --ntasks-per-gpu=2", "0 4", "1 4"],
    ["-n2 --gpus=2 --gpu-bind=single:1", "0 4", "1 5"],
    ["-n2 -G 4 --gpu-bind=map_gpu:3,1", "0 7", "1 5"],
    ["-n2 -G 4 --gpu-bind=closest", "0 4,5,6,7", "1 4,5,6,7"],
    ["-n2 --gres=none", "0", "1"],
    ["-n2 --gres=nvme:1", "0 4,5,6,7", "1 4,5,6,7"],
    ["-n2", "0 4,5,6,7", "1 4,5,6,7"],
  ])("%s gives each task its GPUs", async (options, ...shares) => {
    const show = `bash -c 'echo $SLURM_PROCID $CUDA_VISIBLE_DEVICES'`;
    expect(lines((await bash(`srun --mpi=none ${options} ${show}`)).stdout)).toEqual(shares);
  });

  test("have the GPUs per task of the script, and no more than the function", async () => {
    const show = `bash -c 'echo $SLURM_PROCID $CUDA_VISIBLE_DEVICES'`;
    for (const perTask of ["a100:2", "02"]) {
      shell.environment.SLURM_GPUS_PER_TASK = perTask;
      expect(lines((await bash(`srun --mpi=none -n2 ${show}`)).stdout)).toEqual(["0 4,5", "1 6,7"]);
    }
    shell.environment.SLURM_GPUS_PER_TASK = "08";
    expect(await bash("srun -n1 true")).toMatchObject({ status: 0, stderr: "" });
    expect((await bash("srun -n1 --gpus=5 true")).stderr).toBe(
      "srun: error: Unable to create step for job 67108864: Invalid generic resource (gres) specification\n",
    );
  });

  test.each(["single:0", "single:x", "per_task:0", "map_gpu:", "map_gpu:0,x"])(
    "are refused with --gpu-bind=%s",
    async (bind) =>
      expect(await bash(`srun -n1 -G1 --gpu-bind=${bind} echo ran`)).toEqual({
        ...{ status: 1, stdout: "" },
        stderr: `srun: error: Invalid --gpu-bind argument: gpu:${bind}\n`,
      }),
  );

  test("have the cores of SRUN_CPUS_PER_TASK, which is checked as -c is", async () => {
    shell.environment.SRUN_CPUS_PER_TASK = "2";
    expect((await bash(`srun -n1 bash -c 'echo $SLURM_CPUS_PER_TASK'`)).stdout).toBe("2\n");
    shell.environment.SRUN_CPUS_PER_TASK = "08";
    expect((await bash("srun -n1 true")).stderr).toBe('srun: error: Invalid numeric value "08".\n');
  });
});
