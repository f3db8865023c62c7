// Attacks gleanerd with everything at once and checks memory, another user's queue, restarts, and
// that nothing is lost: [--seconds N].

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { benchmark, benchmarkUser, countsOf, preciseMs, rounded, say } from "../lib/harness.js";
import { recordedTasks } from "../lib/recorded-tasks.js";
import { Attackers, kinds } from "./attackers.js";
import { bareListsMs } from "./bare.js";
import { Memory } from "./memory.js";
import { Victim } from "./victim.js";

const attackUsers = ["games", "mail", "news", "backup", "www-data", "proxy"];
/** The user behind each kind of attack; the first one if not named. */
const users: Readonly<Record<string, string>> = {
  uploads: "mail",
  huge: "backup",
  irregular: "proxy",
  waiters: "news",
  // A user may have few lists read at once, and those of the readers never end.
  lists: "www-data",
};
const userOf = (kind: string): string => users[kind] ?? attackUsers[0]!;
const bars = { rssMaxMb: 500, othersListMs: 1_000, shutdownMs: 5_000 };
/** The victim's functions that run while gleanerd is restarted. */
const longFunctions = 3;
const longSeconds = 40;
/** How long the same attackers attack a bare server, for comparison. */
const bareSeconds = 20;

const { seconds } = countsOf({ seconds: 120 });
const config = {
  access: { tokenMs: 3_600_000, serviceUsers: [benchmarkUser, ...attackUsers] },
  // Limited so that the disk of a test machine suffices; a user may have half of it.
  functions: { maxDocumentsMb: 1_000 },
};

await benchmark({ nodes: 1, cpus: 8, config }, async (site) => {
  const tokens = await tokensOf(site, [benchmarkUser, ...attackUsers]);
  const target = (user: string) => ({ port: site.ports.apiPort, token: tokens.get(user)! });
  const victim = new Victim(site, benchmarkUser, target(benchmarkUser));
  const attackers = new Attackers();
  const memory = new Memory(site);
  memory.start();
  victim.start();
  attackers.start((kind) => target(userOf(kind)));
  say(`attacking with ${kinds.join(", ")}`);
  const third = (seconds * 1_000) / 3;
  await pause(third);
  const restartMs = await restart(site, victim, memory, "SIGKILL");
  say(`restarted after SIGKILL under load: ready after ${rounded(restartMs.startMs, 0)} ms`);
  await pause(third / 2);
  for (let each = 0; each < longFunctions; each++)
    await victim.submit(["/bin/sleep", String(longSeconds)]);
  await pause(third / 2);
  const { endMs, startMs } = await restart(site, victim, memory, "SIGTERM");
  say(`exited ${rounded(endMs, 0)} ms after SIGTERM, ready again after ${rounded(startMs, 0)} ms`);
  await pause(third);
  say(`what the attackers did: ${JSON.stringify(Object.fromEntries(attackers.counts))}`);
  attackers.assertAttacked();
  await attackers.stop();
  const cancelMs = await cancelAll(site);
  await victim.stop();
  const lost = await lostOf(site, victim, attackers);
  memory.stop();
  say(`the same attack on a server that only accepts and answers, for ${bareSeconds} s`);
  const bareMs = await bareListsMs(bareSeconds);
  const measured = { rssMaxMb: memory.maxMb, shutdownMs: endMs, cancelMs, lost, bareMs };
  return report(victim, attackers, measured);
});

async function tokensOf(site: Site, users: readonly string[]): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  for (const user of users) {
    const api = new Api(site, user);
    tokens.set(user, await api.identify());
    api.close();
  }
  return tokens;
}

async function restart(
  site: Site,
  victim: Victim,
  memory: Memory,
  signal: "SIGKILL" | "SIGTERM",
): Promise<{ endMs: number; startMs: number }> {
  victim.isPaused = true;
  memory.look();
  memory.stop();
  const signalledMs = preciseMs();
  await site.endDaemon(signal);
  const endedMs = preciseMs();
  await site.startDaemon();
  const readyMs = preciseMs();
  memory.start();
  victim.isPaused = false;
  return { endMs: endedMs - signalledMs, startMs: readyMs - endedMs };
}

/** As an operator cleans up; returns the milliseconds for all. */
async function cancelAll(site: Site): Promise<number> {
  const startedMs = preciseMs();
  for (const user of attackUsers) await site.gleanOrThrow(["cancel", "-u", user]);
  return preciseMs() - startedMs;
}

/**
 * Accepted invocations that have no end in the store, and the victim's functions that did not run
 * exactly once from start to end.
 */
async function lostOf(site: Site, victim: Victim, attackers: Attackers): Promise<number> {
  const deadlineMs = preciseMs() + 60_000;
  const database = new Database(join(site.files.state, "gleaner.db"), { readonly: true });
  try {
    const open = database.prepare(
      `SELECT coalesce(sum(tasks), 0) FROM ${recordedTasks} WHERE ended_at_ms IS NULL`,
    );
    while ((open.pluck().get() as number) > 0 && preciseMs() < deadlineMs) await pause(200);
    const marks = attackUsers.map(() => "?").join();
    const recorded = database
      .prepare(
        `SELECT coalesce(sum(i.tasks), 0) FROM ${recordedTasks} AS i
           JOIN submission AS s ON s.id = i.submission
         WHERE s.owner_user IN (${marks})`,
      )
      .pluck()
      .get(attackUsers) as number;
    const ranOnce = database
      .prepare("SELECT count(*) FROM invocation WHERE id = ? AND state = 'COMPLETED'")
      .pluck();
    const missing = Math.max(0, attackers.accepted - recorded);
    const unfinished = open.pluck().get() as number;
    const broken = victim.accepted.filter((id) => ranOnce.get(id) !== 1).length;
    const again = database
      .prepare(
        `SELECT count(*) FROM invocation AS i JOIN submission AS s ON s.id = i.submission
           JOIN document AS d ON d.id = s.command
         WHERE s.owner_user = ? AND d.body LIKE '%/bin/sleep%' AND i.attempt <> 1`,
      )
      .pluck()
      .get(benchmarkUser) as number;
    say(
      `${recorded} of ${attackers.accepted} accepted invocations are recorded; ${unfinished} are unfinished, ${broken} of the victim's did not complete, ${again} long ones ran again`,
    );
    return missing + unfinished + broken + again;
  } finally {
    database.close();
  }
}

function spread(values: readonly number[]): { p50: number; max: number } {
  const sorted = [...values].sort((left, right) => left - right);
  return {
    p50: rounded(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, 0),
    max: rounded(sorted.at(-1) ?? Number.NaN, 0),
  };
}

function report(
  victim: Victim,
  attackers: Attackers,
  measured: {
    rssMaxMb: number;
    shutdownMs: number;
    cancelMs: number;
    lost: number;
    bareMs: readonly number[];
  },
): object {
  // It asks four times a second, and again only when it has its answer.
  if (victim.listsMs.length < seconds / 4 || victim.accepted.length < seconds / 10)
    throw new Error(`the victim requested too few lists: ${victim.listsMs.length}`);
  for (const failure of victim.failures.slice(0, 10))
    say(`a request of the victim failed: ${failure}`);
  const othersListMs = spread(victim.listsMs);
  const rssMaxMb = rounded(measured.rssMaxMb, 0);
  return {
    rssMaxMb,
    othersListMs,
    bareListMs: spread(measured.bareMs),
    shutdownMs: rounded(measured.shutdownMs, 0),
    lost: measured.lost,
    failures: victim.failures.length,
    gleanQueueMs: spread(victim.commandsMs),
    cancelMs: rounded(measured.cancelMs, 0),
    accepted: attackers.accepted,
    seconds,
    bars,
    withinBars:
      rssMaxMb <= bars.rssMaxMb &&
      othersListMs.max <= bars.othersListMs &&
      measured.shutdownMs <= bars.shutdownMs &&
      measured.lost === 0 &&
      victim.failures.length === 0,
  };
}
