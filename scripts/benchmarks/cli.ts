// How long a user waits for `glean batch`, compared with a bare `node -e 0`, the least program that
// submits, and sbatch (the limit is 1.6 x node): [--runs N].

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
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
const names = ["node", "least", "glean", "script", "sbatch"] as const;
type Commands = Readonly<Record<(typeof names)[number], readonly string[]>>;
const { runs } = countsOf({ runs: 60 });
const checkout = fileURLToPath(new URL("../..", import.meta.url));
/** The files that `scripts/glean` checks in a checkout. */
const wrapped = ["scripts", "src", "slurm-plugin", "dist", "package-lock.json"];
const batch = ["batch", "--wrap", "true", "--output", "/dev/null"];
/** Jobs wait like functions, because only the submission is measured. */
const held = ["--hold", "--wrap=true", "--output=/dev/null"];
/** What a client on node's sockets cannot do without: one file, one request, one answer. */
const leastProgram = `
const text = require("fs").readFileSync(process.argv[1], "latin1");
const id = Date.now().toString(16).padStart(12, "0");
const socket = require("net").connect(+process.argv[2], "127.0.0.1");
let answer = "";
socket.on("data", (bytes) => { answer += bytes; });
socket.on("end", () => { if (!answer.includes('"id":')) throw new Error(answer); });
socket.write(text.replace("0".repeat(12), id));
`;

await benchmark({ nodes: 1 }, async (site) => {
  await site.gleanOrThrow(["drain", "all"]);
  const home = homeOn(site);
  const start = userOf(site, home);
  start([process.execPath, site.files.cli, ...batch]); // a token
  const commands = {
    node: [process.execPath, "-e", "0"],
    least: [process.execPath, "-e", leastProgram, requestIn(home), String(site.ports.apiPort)],
    glean: [process.execPath, site.files.cli, ...batch],
    script: [copyOfCheckout(site), ...batch],
    sbatch: ["sbatch", ...held],
  };
  for (const command of Object.values(commands)) start(command); // warm files
  const free = measure(commands, start);
  pin("0");
  const pinned = measure(commands, start);
  const result = {
    runs,
    nodeMs: rounded(median(free.node)),
    gleanBatchMs: rounded(median(free.glean)),
    ratio: rounded(medianRatio(free.glean, free.node)),
    leastMs: rounded(median(free.least)),
    leastRatio: rounded(medianRatio(free.least, free.node)),
    ratioToLeast: rounded(medianRatio(free.glean, free.least)),
    nodePinnedMs: rounded(median(pinned.node)),
    gleanBatchPinnedMs: rounded(median(pinned.glean)),
    ratioPinned: rounded(medianRatio(pinned.glean, pinned.node)),
    viaScriptMs: rounded(median(free.script)),
    viaScriptRatio: rounded(medianRatio(free.script, free.node)),
    sbatchMs: rounded(median(free.sbatch)),
    bar,
    withinBar: medianRatio(free.glean, free.node) <= bar,
  };
  say(
    `glean batch: ${result.ratio} x node, pinned ${result.ratioPinned} x; the limit is ${bar} x, and the least program on node's sockets takes ${result.leastRatio} x`,
  );
  return result;
});

function identity(): { readonly uid: number; readonly gid: number } {
  const [, , uid, gid] = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.startsWith(`${benchmarkUser}:`))!
    .split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

function homeOn(site: Site): string {
  const home = join(site.cluster.dir, "home");
  const { uid, gid } = identity();
  mkdirSync(home);
  chownSync(home, uid, gid);
  return home;
}

/** Writes what `glean batch` sends with the user's token, and no environment, into a file. */
function requestIn(home: string): string {
  const cache = join(home, ".cache", "gleaner");
  const name = readdirSync(cache).find((each) => each.startsWith("token"))!;
  const { token } = JSON.parse(readFileSync(join(cache, name), "utf8")) as { token: string };
  const submission = {
    ...{ name: "wrap", cores: 1, memoryMb: null, gpus: 0, memoryPerCoreMb: null },
    ...{ timeLimitMs: null, workingDirectory: home, environment: {}, arrayTasks: null },
    ...{ stdoutPattern: "/dev/null", stderrPattern: null, notice: null, checkpoint: false },
    command: { kind: "script", body: "#!/bin/sh\ntrue\n", args: [] },
  };
  const requestId = "00000000-0000-4000-8000-000000000000";
  const body = JSON.stringify({ requestId, submission });
  const head = [
    "POST /v1/invocations HTTP/1.0",
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const path = join(home, "request");
  writeFileSync(path, `${head.join("\r\n")}\r\n\r\n${body}`);
  return path;
}

/** Runs a command as the user would, without a shell; throws its error output if it fails. */
function userOf(site: Site, home: string): (command: readonly string[]) => void {
  const own = identity();
  const { PATH, SLURM_CONF } = site.cluster.env;
  const env = { PATH, SLURM_CONF, HOME: home, GLEANER_CONF: site.files.config };
  return ([program, ...args]) => {
    const ended: SpawnSyncReturns<string> = spawnSync(program!, args, {
      ...own,
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

/**
 * Runs all commands in turn, repeatedly, so that each is compared with a bare node of the same
 * moment.
 */
function measure(
  commands: Commands,
  start: (command: readonly string[]) => void,
): Record<keyof Commands, number[]> {
  const times: Record<keyof Commands, number[]> = {
    node: [],
    least: [],
    glean: [],
    script: [],
    sbatch: [],
  };
  for (let run = 0; run < runs; run++)
    for (const name of names) {
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
