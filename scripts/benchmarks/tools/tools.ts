// The workflow managers of the benchmark: what each needs, and the command of its workflow, which
// prints the sum of the squares of 0 … TASKS - 1 in its last line.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Needs } from "../lib/installation.js";

export interface Tool {
  readonly needs: Needs;
  /** A line of bash, in an empty folder; `installed` is the folder of what `needs` names. */
  line(installed: string, tasks: number): string;
}

const programs = join(dirname(fileURLToPath(import.meta.url)), "programs");
const venv = ["python3=python3", "/usr/share/doc/python3-venv=python3-venv"];

const python = (program: string, ...packages: string[]): Tool => ({
  needs: { debian: venv, python: packages },
  line: (installed) => `${installed}/bin/python ${programs}/${program}`,
});

const snakemakeLine = (program: string, options: string): string =>
  `${program} --snakefile ${programs}/Snakefile -j 64 ${options} sum && cat sum`;

const snakemake9 = ["snakemake==9.27.1", "snakemake-executor-plugin-slurm"];
const snakemakeGeneric = ["snakemake==9.27.1", "snakemake-executor-plugin-cluster-generic"];
const resources = "--default-resources mem_mb=200 runtime=20 slurm_account=lab";
/** It looks for a job only after 40 s unless told otherwise. */
const soon = "--slurm-init-seconds-before-status-checks 2 --slurm-no-account";

export const tools: Readonly<Record<string, Tool>> = {
  submitit: python("submitit_tool.py", "submitit"),
  dask: python("dask_tool.py", "dask-jobqueue"),
  parsl: python("parsl_tool.py", "parsl"),
  psij: python("psij_tool.py", "psij-python"),
  executorlib: python("executorlib_tool.py", "executorlib", "pysqa", "h5py"),
  toil: python("toil_tool.py", "toil"),
  batchtools: {
    needs: { debian: ["/usr/lib/R/site-library/batchtools=r-cran-batchtools"] },
    line: () => `Rscript ${programs}/batchtools_tool.R`,
  },
  nextflow: {
    needs: {
      debian: ["java=openjdk-17-jre-headless", "mvn=maven"],
      maven: "io.nextflow:nextflow:24.10.0",
    },
    // Nextflow tells Slurm to requeue nothing, and tries an evicted task again itself.
    line: (installed, tasks) => {
      const retries = "-process.executor=slurm -process.errorStrategy=retry -process.maxRetries=20";
      // It looks 270 s for the exit code of a task that is gone unless told otherwise.
      const soon = "-executor.exitReadTimeout=10sec -executor.queueStatInterval=5sec";
      // Java takes a user's home from /etc/passwd, where nobody has none.
      const start = `java -Duser.home=$HOME -cp '${installed}/lib/*' nextflow.cli.Launcher -q run`;
      return `${start} ${programs}/squares.nf --tasks ${tasks} ${retries} ${soon}`;
    },
  },
  snakemake: {
    needs: { debian: ["snakemake=snakemake", "bc=bc"] },
    line: () => snakemakeLine("/usr/bin/snakemake", `--cluster "sbatch --parsable -o /dev/null"`),
  },
  "snakemake-slurm": {
    needs: { debian: [...venv, "bc=bc"], python: snakemake9 },
    line: (installed) =>
      snakemakeLine(
        `${installed}/bin/snakemake`,
        `--executor slurm --slurm-requeue ${resources} ${soon}`,
      ),
  },
  "snakemake-generic": {
    needs: { debian: [...venv, "bc=bc"], python: snakemakeGeneric },
    line: (installed) =>
      snakemakeLine(
        `${installed}/bin/snakemake`,
        `--executor cluster-generic --cluster-generic-submit-cmd "sbatch --parsable -o /dev/null"`,
      ),
  },
};
