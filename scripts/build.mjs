#!/usr/bin/env node
// Builds everything that is shipped into dist/: the bundled programs, the migrations, the node hook
// and the runtimes.
//
//   node scripts/build.mjs everything
//   node scripts/build.mjs --if-stale nothing, if dist/ is newer than the sources
//   node scripts/build.mjs gleanerd … only these bundles (for development; dist/ stays marked as
//   stale)
//   node scripts/build.mjs sdk adds dist/sdk, the folder of the npm package `gleaner`
//   node scripts/build.mjs glean-executor-binary adds dist/glean-executor, 100 MB with Node in it
//
// Everything is built in a separate folder and then renamed file by file, so that a running program
// never sees half a file; a lock lets one build run at a time.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBinary } from "./bundle/binary.mjs";
import { bundles, cliFiles, madeFiles, makeBundles } from "./bundle/bundles.mjs";
import { makePackage } from "./bundle/package.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
/** scripts/lib/program.sh compares it with the sources; its time is that of the build's start. */
const stamp = ".stamp";
const sources = ["src", "slurm-plugin", "package-lock.json", "scripts/build.mjs", "scripts/bundle"];
/** Not part of the default: few sites want them, and they take some seconds. */
const binary = "glean-executor-binary";
const sdk = "sdk";
const lockedMark = "GLEANER_BUILD_LOCKED";

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  console.error(`The build failed: ${thrown instanceof Error ? thrown.message : thrown}`);
  process.exitCode = 1;
}

async function main(args) {
  mkdirSync(dist, { recursive: true });
  if (process.env[lockedMark] === undefined) {
    runLocked(args);
    return;
  }
  const names = args.filter((arg) => arg !== "--if-stale");
  const known = [...Object.keys(bundles), binary, sdk];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no ${unknown}; name one of ${known.join(", ")}`);
  if (args.includes("--if-stale") && !isStale()) return;
  removeLeftovers();
  const fresh = mkdtempSync(join(dist, ".new-"));
  try {
    closeSync(openSync(join(fresh, stamp), "w"));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const bundled = names
      .filter((name) => name !== sdk)
      .map((name) => (name === binary ? "glean-executor" : name));
    // The program of `glean batch` is compiled as it runs, with the addon beside it.
    if (names.length === 0) make("src/cli/ask", join(dist, ".ask"), fresh);
    await makeBundles(names.length > 0 ? bundled : Object.keys(bundles), fresh, version);
    if (names.includes(binary)) makeBinary(fresh);
    if (names.includes(sdk)) await makePackage(join(fresh, sdk), version);
    if (names.length === 0) {
      cpSync(join(root, "src/store/sqlite/migrations"), join(fresh, "migrations"), {
        recursive: true,
      });
      cpSync(join(root, "src/runtimes/python"), join(fresh, "glean-runtime-python"), {
        recursive: true,
        filter: (path) => !path.endsWith("__pycache__") && !path.endsWith(".so"),
      });
      compilePython(join(fresh, "glean-runtime-python"));
      compilePythonExtension(
        join(fresh, "glean-runtime-python/glean_runtime/serving/_exchange.abi3.so"),
      );
      make("slurm-plugin", join(dist, ".hook"), fresh);
      make("src/daemon/api/acceptor", join(dist, ".acceptor"), fresh);
      make("src/runtimes", join(dist, ".runtimes"), fresh);
      make("src/sdk/c", join(dist, ".bench"), fresh, "bench");
    } else rmSync(join(fresh, stamp));
    moveInto(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Saves this machine's Python, if it has one, 10 ms of each start; others read the sources. Users
 * could not write the compiled files beside them.
 */
function compilePython(folder) {
  const compile = ["-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", folder];
  const { error, status } = spawnSync("python3", compile, { stdio: "inherit" });
  if (error === undefined && status !== 0) throw new Error("the runtime for Python has an error");
}

/** What makes calls over a lease shorter; workers do without it on machines without Python.h. */
function compilePythonExtension(target) {
  const { error, status } = spawnSync(
    "python3",
    ["-B", join(root, "src/sdk/python/build_backend.py"), target],
    { stdio: ["ignore", 2, 2] },
  );
  if (error === undefined && status !== 0)
    throw new Error("the extension for Python cannot be compiled, see the messages above");
}

/** Runs this program again under flock(1): the kernel releases the lock however we end. */
function runLocked(args) {
  const command = [join(dist, ".lock"), process.execPath, fileURLToPath(import.meta.url), ...args];
  const { status, error } = spawnSync("flock", command, {
    stdio: "inherit",
    env: { ...process.env, [lockedMark]: "1" },
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
}

/** Folders count too: their time changes when a file in them is removed. */
function isStale() {
  const programs = [
    ...cliFiles,
    ...madeFiles,
    ...Object.keys(bundles).map((name) => `${name}.cjs`),
  ];
  if (programs.some((name) => !existsSync(join(dist, name)))) return true;
  const { status, stdout } = spawnSync(
    "find",
    [...sources, "-newer", join(dist, stamp), "-print", "-quit"],
    { cwd: root, encoding: "utf8" },
  );
  return status !== 0 || stdout !== "";
}

/** make keeps what it made in a folder that stays, so that it compiles only what changed. */
function make(sourceFolder, kept, outputFolder, target = "all") {
  mkdirSync(kept, { recursive: true });
  const { status, error } = spawnSync("make", ["-s", "-C", sourceFolder, `OUT=${kept}`, target], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (error) throw new Error(`make cannot be run (${error.message}): install make and gcc`);
  if (status !== 0) throw new Error(`make in ${sourceFolder} failed, see its messages above`);
  for (const name of readdirSync(kept))
    if (!/\.[od]$/.test(name))
      cpSync(join(kept, name), join(outputFolder, name), { recursive: true });
}

/**
 * Renames every file of `from` to its place in `to`; the stamp last, when everything else is there.
 */
function moveInto(from, to) {
  mkdirSync(to, { recursive: true });
  const names = readdirSync(from).sort((a, b) => Number(a === stamp) - Number(b === stamp));
  for (const name of names)
    if (statSync(join(from, name)).isDirectory()) {
      const kept = new Set(readdirSync(join(from, name)));
      moveInto(join(from, name), join(to, name));
      for (const old of readdirSync(join(to, name)))
        if (!kept.has(old)) rmSync(join(to, name, old), { recursive: true });
    } else renameSync(join(from, name), join(to, name));
}

/** The remains of a killed build; we hold the lock, so nobody works there. */
function removeLeftovers() {
  for (const name of readdirSync(dist))
    if (name.startsWith(".new-")) rmSync(join(dist, name), { recursive: true });
}
