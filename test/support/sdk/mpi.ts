// The MPI programs of docs/examples/mpi, built against libgleaner in a folder that users may read.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ensureInstalled } from "../../../scripts/cluster/programs.js";
import type { Site } from "../../../scripts/site/site.js";

const root = resolve(import.meta.dirname, "../../..");
const needs = ["mpirun=openmpi-bin", "mpicc=libopenmpi-dev", "pkg-config=pkg-config"];

export type MpiKernel = "black-scholes" | "transport" | "matrix";

export interface MpiEnd {
  readonly exitCode: number | null;
  /** Standard output and standard error. */
  readonly said: string;
  /** The sum of the results of each step. */
  readonly results: readonly string[];
  /** How many tasks workers computed, over all steps. */
  readonly remote: number;
}

export class MpiPrograms {
  private runs = 0;

  private constructor(
    private readonly site: Site,
    readonly folder: string,
  ) {}

  /** Builds all, with a `glean` for the site in a folder of its own. */
  static async build(site: Site, folder: string): Promise<MpiPrograms> {
    await ensureInstalled(needs);
    const make = (directory: string, words: readonly string[]) =>
      execFileSync("make", ["-s", "-j2", "-C", directory, ...words], {
        stdio: "pipe",
        env: { ...process.env, PKG_CONFIG_PATH: join(folder, "usr/lib/pkgconfig") },
      });
    mkdirSync(join(folder, "bin"), { recursive: true });
    const paths = [`OUT=${folder}/library`, `PREFIX=${folder}/usr`];
    make(join(root, "src/sdk/c"), [...paths, "install"]);
    cpSync(join(root, "docs/examples/mpi"), join(folder, "mpi"), { recursive: true });
    make(join(folder, "mpi"), ["-B"]);
    const { cli, config } = site.files;
    const words = `'${process.execPath}' '${cli}' --config '${config}' "$@"`;
    writeFileSync(join(folder, "bin/glean"), `#!/bin/sh\nexec ${words}\n`, { mode: 0o755 });
    execFileSync("chmod", ["-R", "a+rX", folder]);
    chmodSync(folder, 0o777);
    return new MpiPrograms(site, folder);
  }

  library(kernel: MpiKernel): string {
    return join(this.folder, `mpi/build/${kernel}.so`);
  }

  /**
   * On two ranks. Repeats the loop until a worker has computed tasks of a step, and until `release`
   * resolves, which is called then; without `release` it runs once.
   */
  async run(
    user: string,
    kernel: MpiKernel,
    options: readonly string[],
    release?: () => Promise<unknown>,
  ): Promise<MpiEnd> {
    const over = join(this.folder, `${kernel}-${++this.runs}`);
    const until = release === undefined ? [] : ["--until", over];
    const yields = ["--mca", "mpi_yield_when_idle", "1"];
    const mpirun = ["mpirun", "--oversubscribe", "--bind-to", "none", ...yields, "-n", "2"];
    const program = join(this.folder, "mpi/build", kernel);
    const child = spawn("runuser", ["-u", user, "--", ...mpirun, program, ...options, ...until], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...this.site.cluster.env,
        PATH: `${join(this.folder, "bin")}:${process.env.PATH}`,
        LD_LIBRARY_PATH: join(this.folder, "usr/lib"),
      },
    });
    let said = "";
    let released: Promise<unknown> | undefined;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        said += String(text);
        if (!/workers computed [1-9]/.test(said)) return;
        released ??= release?.().finally(() => writeFileSync(over, ""));
      });
    const [exitCode] = await once(child, "close");
    await released;
    const results = [...said.matchAll(/; results ([0-9a-f]{16})$/gm)].map(([, sum]) => sum!);
    const computed = [...said.matchAll(/workers computed (\d+)/g)].map(([, count]) => count);
    const remote = computed.reduce((sum, count) => sum + Number(count), 0);
    return { exitCode, said, results, remote };
  }
}
