// Makes the executor one file that needs no Node: a copy of this Node that contains the program (a
// single executable application).

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Names that Node itself expects. */
const resource = "NODE_SEA_BLOB";
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/**
 * Writes `<folder>/glean-executor` from `<folder>/glean-executor.cjs`; throws the failing tool's
 * output.
 */
export function makeBinary(folder) {
  const [settings, blob, fresh] = ["sea.json", "sea.blob", "sea.new"].map((name) =>
    join(folder, name),
  );
  const main = join(folder, "glean-executor.cjs");
  const options = { main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true };
  try {
    writeFileSync(settings, JSON.stringify(options));
    run(["--experimental-sea-config", settings], "Node cannot prepare the executor");
    copyFileSync(process.execPath, fresh);
    chmodSync(fresh, 0o755);
    const problem = `${process.execPath} cannot take the executor in (it has to be one file, as from nodejs.org)`;
    run([postject(), fresh, resource, blob, "--sentinel-fuse", fuse], problem);
    renameSync(fresh, join(folder, "glean-executor"));
  } finally {
    for (const file of [settings, blob, fresh]) rmSync(file, { force: true });
  }
}

function postject() {
  try {
    return createRequire(import.meta.url).resolve("postject/dist/cli.js");
  } catch (cause) {
    throw new Error("the package postject is missing: run npm install", { cause });
  }
}

/** The tools' output matters only if they fail: postject warns about every Node. */
function run(args, problem) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${problem}: ${stdout}${stderr}`.trim());
}
