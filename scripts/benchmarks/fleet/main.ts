// Connects thousands of executors to one gleanerd, simulated but with the real protocol, and
// measures what they cost: [--nodes N] [--seconds N] [--tasks N].

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../../cluster/until.js";
import { startPaperSite } from "../../site/paper-site.js";
import type { Site } from "../../site/site.js";
import { Api } from "../lib/api.js";
import { countsOf, cpuMsOf, preciseMs, rounded, say } from "../lib/harness.js";
import { memoryOf } from "../lib/measures.js";
import { Fleet } from "./fleet.js";

const counts = countsOf({ nodes: 2_000, seconds: 60, tasks: 20_000 });
const bars = { rssMaxMb: 600 };
const size = { cpus: 4, memoryMb: 16_000 };
const deadlineMs = 300_000;
const betweenLooksMs = 500;

const dir = mkdtempSync(join(tmpdir(), "gleaner-fleet-"));
const hidden = join(dir, "fleet");
mkdirSync(hidden, { mode: 0o700 });
const programs = Fleet.programs(hidden);
const fleet = Fleet.in(hidden);
const startedMs = preciseMs();
const site = await startPaperSite({ dir, nodes: counts.nodes, ...size, config: { programs } });
try {
  process.stdout.write(`${JSON.stringify(await measure(site))}\n`);
  site.assertDaemonDidNotCrash();
} finally {
  fleet.stop();
  await site.endDaemon("SIGKILL");
  await site.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function measure(site: Site): Promise<object> {
  const api = new Api(site);
  try {
    await allReady(api);
    const startSeconds = (preciseMs() - startedMs) / 1_000;
    say(`${counts.nodes} executors were ready ${rounded(startSeconds, 1)} s after gleanerd`);
    const idle = await shareWhile(site, () => pause(counts.seconds * 1_000));
    say(`idle, gleanerd takes ${rounded(100 * idle.share)} % of one processor`);
    const dispatched = await shareWhile(site, () => runTasks(api));
    const perSecond = counts.tasks / (dispatched.tookMs / 1_000);
    say(`${rounded(perSecond, 0)} commands a second, at ${rounded(100 * dispatched.share)} %`);
    const mostMb = memoryOf(site);
    await site.endDaemon("SIGKILL");
    const restartMs = preciseMs();
    await site.startDaemon();
    const adoption = await shareWhile(site, () => allReady(api));
    const adoptSeconds = (preciseMs() - restartMs) / 1_000;
    say(`all were adopted ${rounded(adoptSeconds, 1)} s after the start of the next gleanerd`);
    const rssMaxMb = Math.max(mostMb, memoryOf(site));
    return {
      nodes: counts.nodes,
      startSeconds: rounded(startSeconds, 1),
      idleShare: rounded(idle.share, 3),
      commandsPerSecond: rounded(perSecond, 0),
      cpuMsPerCommand: rounded(dispatched.cpuMs / counts.tasks, 3),
      adoptSeconds: rounded(adoptSeconds, 1),
      adoptCpuSeconds: rounded(adoption.cpuMs / 1_000, 1),
      rssMaxMb,
      bars,
      withinBars: rssMaxMb <= bars.rssMaxMb,
    };
  } finally {
    api.close();
  }
}

/** A restarted gleanerd answers a moment later, and knows of each executor when that connects. */
async function allReady(api: Api): Promise<void> {
  let ready = 0;
  await until(
    deadlineMs,
    async () => {
      await pause(betweenLooksMs);
      await api.identify();
      const { nodes } = await api.info();
      ready = nodes.filter(({ executor }) => executor?.state === "ready").length;
      return ready === counts.nodes ? true : undefined;
    },
    () => new Error(`only ${ready} of ${counts.nodes} executors are ready`),
  );
}

/** One array, so that the time of submissions does not count. */
async function runTasks(api: Api): Promise<void> {
  const { id } = await api.submitTrue(counts.tasks);
  const ended = await api.ended(id);
  if (ended.some(({ state }) => state !== "COMPLETED")) throw new Error("a command failed");
}

interface Used {
  readonly tookMs: number;
  readonly cpuMs: number;
  /** A share of one processor. */
  readonly share: number;
}

async function shareWhile(site: Site, work: () => Promise<unknown>): Promise<Used> {
  const pid = site.daemonPid;
  const [fromMs, fromCpuMs] = [preciseMs(), cpuMsOf(pid)];
  await work();
  const [tookMs, cpuMs] = [preciseMs() - fromMs, cpuMsOf(pid) - fromCpuMs];
  return { tookMs, cpuMs, share: cpuMs / tookMs };
}
