// Directives of PBS and LSF in a script, read as Slurm 22.05 to 26.05 were seen to read them.

import { describe, expect, test } from "@jest/globals";
import { readSettings } from "../../../../src/cli/batch/read.js";
import { readTranslated } from "../../../../src/cli/batch/translated.js";

const read = (...lines: string[]) =>
  readTranslated(["#!/bin/sh", ...lines, "true", ""].join("\n"), "job.sh", []);
/** `--nodes=1 --ntasks=4`. */
const options = (...lines: string[]): string =>
  read(...lines)
    .known.map(({ option, value }) => `--${option}${value === "" ? "" : `=${value}`}`)
    .join(" ");
const settings = (lines: readonly string[], environment = {}) =>
  readSettings(["#!/bin/sh", ...lines, ""].join("\n"), "job.sh", [], environment).settings;

describe("#PBS", () => {
  test.each([
    ["-N name -q batch -A phys", "--job-name=name --partition=batch --account=phys"],
    ["-Nname", "--job-name=name"],
    ["-l nodes=1:ppn=4,walltime=1:30:00", "--nodes=1 --ntasks=4 --time=1:30:00"],
    ["-l nodes=2:ppn=3+1:ppn=2", "--nodes=3 --ntasks=15"],
    ["-l nodes=n7:ppn=8:gpus=2", "--gpus-per-node=2 --ntasks=8 --nodelist=n7"],
    ["-l mem=8gb,file=2GB,nice=3", "--mem=8g --tmp=2G --nice=3"],
    ["-l pmem=8gb,vmem=2gb,arch=x,procs=8", ""],
    ["-l select=1:ncpus=4:mem=8gb", "--nodes=1 --mincpus=4 --mem=8g"],
    [
      "-l select=1:ncpus=8:mpiprocs=4",
      "--nodes=1 --mincpus=8 --ntasks-per-node=4 --cpus-per-task=2",
    ],
    ["-l select=1:mem=8gb:ncpus=4", "--nodes=1 --mem=8gb:ncpus=4"],
    ["-l naccelerators=2 -l accelerator=true", "--gres=gpu:2 --gres=gpu:2,gpu:1"],
    ["-l cput=10:00 -l pcput=20:00", "--time=10:00 --time=20:00"],
    ["-m abe -M ada", "--mail-type=BEGIN,END,FAIL --mail-user=ada"],
    ["-m n", "--mail-type=NONE"],
    [
      "-o out.log -e err.log -j oe -k oe -S /bin/bash -V -r y -z",
      "--output=out.log --error=err.log",
    ],
    ["-J 1-10", "--array=1-10"],
    ["-t 0-3%2 -h", "--array=0-3%2 --hold"],
    ["-v A=1,B=2 -v C=3", "--export=A=1,B=2 --export=A=1,B=2,C=3"],
    ["-W depend=afterok:12 -W umask=022 -W block=true", "--dependency=afterok:12 --umask=022"],
  ])("%s", (line, expected) => expect(options(`#PBS ${line}`)).toBe(expected));

  test.each([
    ["-T x -N y", "-T"],
    ["-N", "-N"],
    ["--nonsense", "--nonsense"],
    ["job", "job"],
  ])("%s is refused", (line, what) =>
    expect(read(`#PBS ${line}`).problems).toEqual([
      `job.sh:2: #PBS ${what}: sbatch cannot read it, and refuses the script: write it as #SBATCH, or add --ignore-pbs`,
    ]),
  );
});

describe("#BSUB", () => {
  test.each([
    ["-J name -q batch -x", "--job-name=name --partition=batch --exclusive"],
    ["-n 2,4 -W 10", "--ntasks=4 --time=10"],
    ["-o o.log -e e.log -cwd /tmp", "--output=o.log --error=e.log --chdir=/tmp"],
    ["-M 4000 -m 'n1 n2'", "--mem-per-cpu=4000K --nodelist=n1,n2"],
    ["-M 4G", "--mem-per-cpu=4G"],
  ])("%s", (line, expected) => expect(options(`#BSUB ${line}`)).toBe(expected));

  test("is read alone if both are there; what sbatch cannot read is refused", () => {
    expect(options("#PBS -N pbs", "#BSUB -J lsf")).toBe("--job-name=lsf");
    expect(read("#BSUB -R rusage[mem=4]").problems).toEqual([
      expect.stringMatching(/^job\.sh:2: #BSUB -R: sbatch cannot read it/),
    ]);
  });
});

test("lines stand behind commands too, as far as sbatch looks", () => {
  expect(options("echo", "#PBS -N late")).toBe("--job-name=late");
  expect(options(...Array(101).fill(""), "#PBS -N late")).toBe("");
  expect(options("# PBS -N x", " #PBS -N x", "#PBSX")).toBe("");
});

test("they replace #SBATCH, and all others replace them", () => {
  const lines = ["#SBATCH -J own -t 5 --export=A", "#PBS -N other -l walltime=7:00 -v B"];
  expect(settings(lines)).toMatchObject({ name: "other", timeLimitMs: 420_000, exported: "A,B" });
  expect(settings(lines, { SBATCH_TIMELIMIT: "9" }).timeLimitMs).toBe(540_000);
  expect(settings([...lines, "#GLEAN -J mine"]).name).toBe("mine");
  expect(settings([...lines, "#SBATCH --ignore-pbs"]).name).toBe("own");
});

test("a refusal names the line", () =>
  expect(() => settings(["#PBS -l nodes=2:ppn=4", "#PBS -W umask=077"])).toThrow(
    'job.sh:2: #PBS -l "2": a function runs on one node: override it with --nodes=1, or submit the script with Slurm\'s sbatch\njob.sh:3: #PBS -W "077": a function has the umask of your shell: set it in the script: override it with --ignore=umask, or submit the script with Slurm\'s sbatch',
  ));
