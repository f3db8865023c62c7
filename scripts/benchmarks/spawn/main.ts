// The processor time of one `/bin/true`: by xargs, by glean-spawn, and by the least program in C
// that gives a command the same place, step by step. Needs root. [--commands N] [--rounds N]

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { openContainment } from "../../../src/executor/containment/cgroups.js";
import type { AttemptGroup } from "../../../src/executor/containment/containment.js";
import { encodeRequest, type SpawnOrder } from "../../../src/executor/runtimes/spawn-request.js";
import { noIsolation } from "../../../src/wire/isolation.js";
import { attemptOrder } from "../../../test/support/executor/orders.js";
import { countsOf, median, rounded, say } from "../lib/harness.js";

const here = dirname(fileURLToPath(import.meta.url));
const server = join(here, "../../../dist/glean-spawn");
/** The steps of least.c, each with all before it. */
const steps = ["bare", "user", "namespaces", "folder", "cgroups", "supervisor"];
const usPerTick = 10_000;
const { commands, rounds } = countsOf({ commands: 500, rounds: 5 });

const folder = mkdtempSync(join(tmpdir(), "gleaner-spawn-"));
const { containment } = await openContainment(folder, "bench", (why) => {
  throw new Error(why);
});
try {
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "temporary"));
  const need = { cores: 1, memoryMb: 100, gpus: [] };
  process.stdout.write(`${JSON.stringify(await measure(containment.openGroup("1", need)))}\n`);
} finally {
  await containment.close();
  rmSync(folder, { recursive: true });
}

async function measure(group: AttemptGroup) {
  const least = join(folder, "least");
  const source = join(here, "least.c");
  execFileSync("cc", ["-O2", "-D_GNU_SOURCE", "-Wall", "-Werror", "-o", least, source]);
  const input = Array.from({ length: commands }, (_, index) => index).join("\n");
  const subjects: [name: string, run: () => number | Promise<number>][] = [
    ["xargs", () => usedBy(["xargs", "-P2", "-n1", "/bin/true"], input)],
    ...steps.map((name, step): [string, () => number] => {
      const words = [least, String(step), String(commands), folder, ...group.joinFiles];
      return [`least.${name}`, () => usedBy(words)];
    }),
    ["gleanSpawn", () => usedByServer(group)],
  ];
  const us = new Map<string, number[]>(subjects.map(([name]) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, run] of subjects) us.get(name)!.push((await run()) / commands);
    const sofar = [...us].map(([name, taken]) => `${name} ${Math.round(median(taken))}`);
    say(`round ${round}, µs a command so far: ${sofar.join(", ")}; load ${loadavg()[0]}`);
  }
  const medians = [...us].map(([name, taken]) => [name, Math.round(median(taken))] as const);
  const of = (name: string) => median(us.get(name)!);
  return {
    us: Object.fromEntries(medians),
    leastToXargs: rounded(of("least.supervisor") / of("xargs"), 2),
    gleanSpawnToLeast: rounded(of("gleanSpawn") / of("least.supervisor"), 2),
  };
}

/** Microseconds of a program and of all that it waited for. */
function usedBy(words: readonly string[], input = ""): number {
  const timed = ["-c", 'TIMEFORMAT="%3U %3S"; time "$@"', "bash", ...words];
  const { status, stderr } = spawnSync("bash", timed, { input, encoding: "utf8" });
  const [, user, system] = /^(\S+) (\S+)\n$/.exec(stderr) ?? [];
  if (status !== 0 || user === undefined) throw new Error(`${words[0]} failed: ${stderr.trim()}`);
  return (Number(user) + Number(system)) * 1_000_000;
}

/** The same of glean-spawn, which runs one command after another. */
async function usedByServer(group: AttemptGroup): Promise<number> {
  const child = spawn(server, [], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    detached: true,
    cwd: "/",
    env: {},
  });
  const socket = child.stdio[3] as Duplex;
  const order: SpawnOrder = {
    ...attemptOrder(),
    command: { kind: "argv", argv: ["/bin/true"] },
    isolation: noIsolation,
    temporaryPath: join(folder, "temporary", "1"),
  };
  let id = 0;
  const next = () => socket.write(encodeRequest(++id, order, group, false));
  next();
  for await (const line of createInterface({ input: socket })) {
    if (line.includes(" failed ")) throw new Error(line);
    if (!line.includes(" gone ")) continue;
    if (id === commands) break;
    next();
  }
  const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  socket.end();
  await once(child, "exit");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * usPerTick;
}
