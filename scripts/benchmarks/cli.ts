// How long a user waits for `glean batch`, compared with a bare `node -e 0` and sbatch (the limit
// is 1.6 x node): [--runs N].

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Site } from "../site/site.js";
import {
  benchmark,
  benchmarkUser,
  countsOf,
  median,
  medianRatio,
  preciseMs,
  rounded,
  say,
} from "./lib/harness.js";

const bar = 1.6;
const { runs } = countsOf({ runs: 60 });
const checkout = fileURLToPath(new URL("../..", import.meta.url));
/** The files that `scripts/glean` checks in a checkout. */
const wrapped = ["scripts", "src", "slurm-plugin", "dist", "package-lock.json"];
const batch = ["batch", "--wrap", "true", "--output", "/dev/null"];
/** Jobs wait like functions, because only the submission is measured. */
const held = ["--hold", "--wrap=true", "--output=/dev/null"];

await benchmark({ nodes: 1 }, async (site) => {
  await site.gleanOrThrow(["drain", "all"]);
  const start = userOf(site);
  const commands = {
    node: [process.execPath, "-e", "0"],
    glean: [process.execPath, site.files.cli, ...batch],
    script: [copyOfCheckout(site), ...batch],
    sbatch: ["sbatch", ...held],
  };
  for (const command of Object.values(commands)) start(command); // a token, and warm files
  const free = measure(commands, start);
  pin("0");
  const pinned = measure(commands, start);
  const result = {
    runs,
    nodeMs: rounded(median(free.node)),
    gleanBatchMs: rounded(median(free.glean)),
    ratio: rounded(medianRatio(free.glean, free.node)),
    nodePinnedMs: rounded(median(pinned.node)),
    gleanBatchPinnedMs: rounded(median(pinned.glean)),
    ratioPinned: rounded(medianRatio(pinned.glean, pinned.node)),
    viaScriptMs: rounded(median(free.script)),
    viaScriptRatio: rounded(medianRatio(free.script, free.node)),
    sbatchMs: rounded(median(free.sbatch)),
    bar,
    withinBar: medianRatio(free.glean, free.node) <= bar,
  };
  say(`glean batch: ${result.ratio} x node, pinned ${result.ratioPinned} x; the limit is ${bar} x`);
  return result;
});

/** Runs a command as the user would, without a shell; throws its error output if it fails. */
function userOf(site: Site): (command: readonly string[]) => void {
  const [, , uid, gid] = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.startsWith(`${benchmarkUser}:`))!
    .split(":");
  const identity = { uid: Number(uid), gid: Number(gid) };
  const home = join(site.cluster.dir, "home");
  mkdirSync(home);
  chownSync(home, identity.uid, identity.gid);
  const { PATH, SLURM_CONF } = site.cluster.env;
  const env = { PATH, SLURM_CONF, HOME: home, GLEANER_CONF: site.files.config };
  return ([program, ...args]) => {
    const ended: SpawnSyncReturns<string> = spawnSync(program!, args, {
      ...identity,
      cwd: home,
      env,
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
    if (ended.error) throw ended.error;
    if (ended.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${ended.stderr.trim()}`);
  };
}

/** In a place that the user can reach, whoever owns the checkout; returns its `scripts/glean`. */
function copyOfCheckout(site: Site): string {
  const copy = join(site.cluster.dir, "checkout");
  for (const name of wrapped)
    cpSync(join(checkout, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  chmodSync(copy, 0o755);
  return join(copy, "scripts", "glean");
}

type Commands = Readonly<Record<"node" | "glean" | "script" | "sbatch", readonly string[]>>;

/**
 * Runs all commands in turn, repeatedly, so that each is compared with a bare node of the same
 * moment.
 */
function measure(
  commands: Commands,
  start: (command: readonly string[]) => void,
): Record<keyof Commands, number[]> {
  const times: Record<keyof Commands, number[]> = { node: [], glean: [], script: [], sbatch: [] };
  for (let run = 0; run < runs; run++)
    for (const name of ["node", "glean", "script", "sbatch"] as const) {
      const startedMs = preciseMs();
      start(commands[name]);
      times[name].push(preciseMs() - startedMs);
    }
  return times;
}

/**
 * Binds this process, and everything that it starts from now on, to one processor; the daemons stay
 * unbound.
 */
function pin(processor: string): void {
  const { status, stderr } = spawnSync("taskset", ["-pc", processor, String(process.pid)], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`taskset failed: ${stderr.trim()}`);
}
