// Installs what a benchmark's peer or tool needs from Debian, npm, PyPI and Maven Central, once for
// each list of versions, into a folder of its own.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { ensureInstalled } from "../../cluster/cluster.js";

/** What a registry must serve for one peer. */
export interface Needs {
  /** "PROGRAM-OR-FILE=PACKAGE", of Debian. */
  readonly debian?: readonly string[];
  readonly npm?: readonly string[];
  readonly python?: readonly string[];
  /** "GROUP:ARTIFACT:VERSION"; its classes and those that it needs come to `lib`. */
  readonly maven?: string;
  /** A program in C beside the peers, which gets its source's name, and its libraries. */
  readonly compiled?: { readonly source: string; readonly libraries: readonly string[] };
}

const run = promisify(execFile);
const installDeadlineMs = 600_000;

/** The folder of a peer, filled; rejects with the installer's last words. */
export async function install(name: string, needs: Needs): Promise<string> {
  await ensureInstalled([...(needs.debian ?? [])]);
  const cache = join(process.env.XDG_CACHE_HOME ?? "/var/cache", "gleaner");
  const { compiled, ...packages } = needs;
  const hash = createHash("sha256").update(JSON.stringify(packages));
  if (compiled !== undefined)
    hash.update(compiled.libraries.join(" ")).update(readFileSync(compiled.source));
  const digest = hash.digest("hex").slice(0, 12);
  const folder = join(cache, `${name}-${digest}`);
  if (existsSync(join(folder, ".complete"))) return folder;
  mkdirSync(cache, { recursive: true });
  // A folder without the mark was interrupted. It is made in its place: venvs hold their path.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  if (needs.npm !== undefined) await installNpm(folder, needs.npm);
  if (needs.python !== undefined) await installPython(folder, needs.python);
  if (needs.maven !== undefined) await installMaven(folder, needs.maven);
  if (compiled !== undefined) await compile(folder, compiled);
  writeFileSync(join(folder, ".complete"), "");
  return folder;
}

async function installNpm(folder: string, packages: readonly string[]): Promise<void> {
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  await tell("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, ...packages]);
}

async function installPython(folder: string, packages: readonly string[]): Promise<void> {
  // Debian's: one in somebody's home could not be run by other users.
  await tell("/usr/bin/python3", ["-m", "venv", folder]);
  await tell(join(folder, "bin", "pip"), ["install", "--quiet", ...packages]);
}

async function installMaven(folder: string, artifact: string): Promise<void> {
  const project = (text: string) =>
    ["groupId", "artifactId", "version"]
      .map((tag, index) => `<${tag}>${text.split(":")[index]}</${tag}>`)
      .join("");
  const dependencies = `<dependencies><dependency>${project(artifact)}</dependency></dependencies>`;
  const text = `<modelVersion>4.0.0</modelVersion>${project("bench:bench:1")}${dependencies}`;
  const pom = join(folder, "pom.xml");
  writeFileSync(pom, `<project xmlns="http://maven.apache.org/POM/4.0.0">${text}</project>\n`);
  const goal = "dependency:copy-dependencies";
  await tell("mvn", ["-q", "-B", "-f", pom, goal, `-DoutputDirectory=${join(folder, "lib")}`]);
}

async function compile(
  folder: string,
  { source, libraries }: NonNullable<Needs["compiled"]>,
): Promise<void> {
  await tell("gcc", ["-O2", "-o", join(folder, basename(source, ".c")), source, ...libraries]);
}

/** With a low priority; the error quotes the last line. */
async function tell(program: string, args: readonly string[]): Promise<void> {
  process.stderr.write(`${program} ${args.join(" ")}\n`);
  try {
    await run("nice", ["-n", "19", program, ...args], { timeout: installDeadlineMs });
  } catch (cause) {
    const { stderr = "" } = cause as { stderr?: string };
    const last = stderr.trim().split("\n").at(-1);
    throw new Error(`${program} could not install it: ${last || (cause as Error).message}`);
  }
}
