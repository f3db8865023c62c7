// Measures a map of a million inputs of 100 bytes from end to end, over a kill -9 of gleanerd while
// a map is sent and one while it runs: [--inputs N].

import { randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Site } from "../site/site.js";
import { Api } from "./lib/api.js";
import { benchmark, benchmarkUser, countsOf, say } from "./lib/harness.js";
import { memoryOf, timed } from "./lib/measures.js";

const runMs = 20_000;
const bars = { memoryMb: 600 };
const counts = countsOf({ inputs: 1_000_000 });

await benchmark({ nodes: 2, cpus: 16 }, async (site) => {
  const api = new Api(site);
  let token = await api.identify();
  const file = await prepare(site);
  const broken = await brokenUpload(site, token);
  await site.endDaemon("SIGKILL");
  broken.destroy();
  await site.startDaemon();
  token = await api.identify();
  const left = { pending: (await api.info()).pending, files: unfinishedIn(site) };
  if (left.pending + left.files > 0)
    throw new Error(`an upload that broke off left ${JSON.stringify(left)}`);
  say("an upload that kill -9 broke off left nothing");

  const { ms: acceptMs, value: printed } = await timed(() => submit(site, file));
  const id = printed.trim();
  const acceptedMb = memoryOf(site);
  say(`map ${id} is accepted in ${acceptMs} ms, ${acceptedMb} MB`);
  await new Promise((resolve) => setTimeout(resolve, runMs));
  const before = await resultsOf(api, id, 0);
  const runningMb = memoryOf(site);
  say(`${before.count} results in ${before.ms} ms, ${runningMb} MB`);
  await site.endDaemon("SIGKILL");
  const { ms: restartMs } = await timed(() => site.startDaemon());
  await api.identify();
  await new Promise((resolve) => setTimeout(resolve, runMs / 2));
  const after = await resultsOf(api, id, before.next);
  const common = [...after.tasks].filter((task) => before.tasks.has(task)).length;
  if (common > 0) throw new Error(`${common} tasks ended twice`);
  const restartedMb = memoryOf(site);
  say(`restarted in ${restartMs} ms: ${after.count} further results, ${restartedMb} MB`);
  const { ms: queueMs } = await timed(() => glean(site, "queue"));
  const { ms: cancelMs, value: answer } = await timed(() => api.cancel([id]));
  const { results: last } = await api.results(id, counts.inputs - 1);
  api.close();
  const memoryMb = Math.max(acceptedMb, runningMb, restartedMb);
  return {
    ...{
      inputs: counts.inputs,
      acceptMs,
      restartMs,
      queueMs,
      cancelMs,
      cancelled: answer.cancelled,
    },
    ...{
      memoryMb,
      resultsRead: before.count,
      resultsMs: before.ms,
      ended: before.count + after.count,
    },
    meetsBars: memoryMb <= bars.memoryMb && last.length <= 1,
  };
});

/** Deploys the function and writes its inputs; returns their file. */
async function prepare(site: Site): Promise<string> {
  const folder = join(site.cluster.dir, "work", "map");
  mkdirSync(folder);
  const code = join(folder, "noop.mjs");
  writeFileSync(code, "export default (input) => input;\n");
  await site.gleanOrThrow(["function", "deploy", "noop", code, "--check", "none"], {
    user: benchmarkUser,
  });
  const file = join(folder, "inputs.ndjson");
  await pipeline(Readable.from(lines(counts.inputs)), createWriteStream(file));
  return file;
}

/** Lines of 100 bytes. */
function* lines(count: number): Generator<string> {
  for (let at = 0; at < count; at += 1_000)
    yield Array.from({ length: Math.min(1_000, count - at) }, (_, more) => {
      const head = `{"at":${at + more},"pad":"`;
      return `${head}${"x".repeat(97 - head.length)}"}\n`;
    }).join("");
}

/** A map of which gleanerd has a half. */
async function brokenUpload({ ports }: Site, token: string) {
  const path = `/v1/maps/stream?function=noop&requestId=${randomUUID()}`;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" };
  const upload = request({ host: "127.0.0.1", port: ports.apiPort, method: "POST", path, headers });
  upload.on("error", () => undefined);
  for (const piece of lines(counts.inputs / 2))
    if (!upload.write(piece)) await new Promise((resolve) => upload.once("drain", resolve));
  return upload;
}

function unfinishedIn({ files }: Site): number {
  return readdirSync(join(files.state, "blobs", "new")).length;
}

function glean(site: Site, ...args: readonly string[]): Promise<string> {
  return site.gleanOrThrow([...args], { user: benchmarkUser });
}

function submit(site: Site, file: string): Promise<string> {
  return glean(site, "map", "noop", "--inputs", file, "--async");
}

/** All results that there are after a cursor. */
async function resultsOf(api: Api, id: string, cursor: number) {
  const tasks = new Set<number>();
  let next = cursor;
  const { ms } = await timed(async () => {
    for (;;) {
      const page = await api.results(id, next);
      for (const { task } of page.results) tasks.add(task);
      if (page.next === next) return;
      next = page.next;
    }
  });
  return { tasks, count: tasks.size, next, ms };
}
