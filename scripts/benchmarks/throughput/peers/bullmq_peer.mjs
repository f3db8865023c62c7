// BullMQ on Debian's redis-server: jobs with a no-op processor in worker processes. Each line of
// standard input is {"tasks": N}; the answer is {"elapsedMs": MS} once N jobs have returned.

import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const { PEER_FOLDER: folder, PEER_WORKERS: workers, PEER_PACKAGES: packages } = process.env;
const { Queue, QueueEvents, Worker } = createRequire(`${packages}/`)("bullmq");
const connection = { path: `${folder}/redis.sock`, maxRetriesPerRequest: null };
/** Like Gleaner's maps, jobs are added in requests of this many. */
const bulk = 1_000;

if (process.send === undefined) await drive();
else work();

/** A worker process: one job at a time. */
function work() {
  const worker = new Worker("noop", async (job) => job.data, { connection, concurrency: 1 });
  worker.on("error", (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
  void worker.waitUntilReady().then(() => process.send("ready"));
  process.on("disconnect", () => process.exit(0));
}

async function drive() {
  const redis = await startRedis();
  const children = Array.from({ length: Number(workers) }, () =>
    fork(fileURLToPath(import.meta.url)),
  );
  // Without one of them the jobs would wait forever.
  for (const child of children)
    child.once("exit", (code) => code !== 0 && redis.kill() && process.exit(1));
  await Promise.all(children.map((child) => once(child, "message")));
  const queue = new Queue("noop", { connection });
  const events = new QueueEvents("noop", { connection });
  await events.waitUntilReady();
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { tasks } = JSON.parse(line);
    say({ elapsedMs: await run(queue, events, tasks) });
  }
  for (const child of children) child.disconnect();
  await events.close();
  await queue.close();
  redis.kill();
}

/** Durable: each write is on the disk before it is answered. */
async function startRedis() {
  const options = { port: 0, unixsocket: connection.path, dir: folder, save: "" };
  const durable = { appendonly: "yes", appendfsync: "always" };
  const args = Object.entries({ ...options, ...durable }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const redis = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: redis.stdout }))
    if (line.includes("ready to accept connections")) {
      redis.stdout.resume();
      return redis;
    }
  throw new Error("redis-server ended before it accepted connections");
}

async function run(queue, events, tasks) {
  const started = performance.now();
  let left = tasks;
  let finished;
  const all = new Promise((resolve) => {
    finished = () => {
      if (--left === 0) resolve();
    };
  });
  events.on("completed", finished);
  for (let from = 0; from < tasks; from += bulk) {
    const jobs = Array.from({ length: Math.min(bulk, tasks - from) }, (_, index) => ({
      name: "noop",
      data: from + index,
      opts: { removeOnComplete: true },
    }));
    await queue.addBulk(jobs);
  }
  await all;
  events.off("completed", finished);
  return performance.now() - started;
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
