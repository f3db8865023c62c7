// gleanerd killed with -9 at each step of a deploy, a call, a map and a transfer of 64 MiB, with
// real executors and workers: nothing is lost, and nothing happens twice.

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { startPaperSite } from "../../scripts/site/paper-site.js";
import type { Site } from "../../scripts/site/site.js";
import { GleanerError } from "../../src/model/errors.js";
import { Connection } from "../../src/sdk/calls/connection.js";
import { GleanerClient } from "../../src/sdk/client.js";
import { codeOf, type FunctionCode } from "../support/executor/function-code.js";

jest.setTimeout(120_000);
const mapped = 20;
const megabyte = 2 ** 20;
let site: Site;
let client: GleanerClient;
let gleaner: Connection;
let database: Database.Database;
/** One line for each time that a handler began. */
let began: string;

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), "gleaner-kills-"));
  const config = { access: { allowRootFunctions: true } };
  site = await startPaperSite({ dir, nodes: 2, cpus: 4, memoryMb: 8_000, config });
  client = new GleanerClient({
    address: { host: "127.0.0.1", port: site.ports.apiPort },
    munge: { socket: site.cluster.mungeSocket, daemonUser: userInfo().username },
    cacheDirectory: null,
    cacheKey: "",
  });
  gleaner = new Connection(client);
  database = new Database(join(site.files.state, "gleaner.db"), { readonly: true });
  began = join(dir, "work", "began");
  await deploy("f", await handler(""), randomUUID());
});
afterAll(async () => {
  database?.close();
  await site?.stop();
});

const handler = (more: string): Promise<FunctionCode> =>
  codeOf({
    "index.mjs": `import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
export default async (input, { callId }) => {
  appendFileSync(${JSON.stringify(began)}, callId + "\\n");
  await pause(50);
  return input;
}`,
    more,
  });

async function deploy(name: string, { version, bundle }: FunctionCode, requestId: string) {
  const open = async function* () {
    yield bundle;
  };
  await client.functions.putBlob(version, { bytes: bundle.length, open });
  await client.functions.deploy({ requestId, name, bundle: version });
}

/** What a program does that must have an answer. */
async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "UNREACHABLE") throw error;
      await pause(50);
    }
}

/** Kills gleanerd once `isReached`, starts it again, and returns what came of the work. */
async function through<T>(isReached: () => boolean, work: () => Promise<T>): Promise<T> {
  const done = persistently(work);
  done.catch(() => {});
  while (!isReached()) await pause(1);
  await site.endDaemon("SIGKILL");
  await site.startDaemon();
  return done;
}

const count = (sql: string): number => database.prepare(sql).pluck().get() as number;
const ended = () => count("SELECT count(*) FROM invocation WHERE ended_at_ms IS NOT NULL");
const running = () => count("SELECT count(*) FROM attempt WHERE state = 'RUNNING'");

/** Of contents that gleanerd is receiving. */
function arrivedBytes(): number {
  const folder = join(site.files.state, "blobs", "new");
  const sizes = readdirSync(folder).map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return Math.max(0, ...sizes);
}

type Step = readonly [what: string, isReached: () => () => boolean];
/** A count has grown since the work began. */
const grown = (sql: string) => () => {
  const before = count(sql);
  return () => count(sql) > before;
};
const blobs = "SELECT count(*) FROM blob";
const recorded = "SELECT count(*) FROM submission";

test.each<Step>([
  ["is received", () => () => arrivedBytes() > megabyte],
  ["is on disk", grown(blobs)],
  ["is a version", grown("SELECT count(*) FROM function_version")],
])("a deploy, when its bundle %s", async (what, isReached) => {
  const code = await handler(randomBytes(20 * megabyte).toString("latin1"));
  const requestId = randomUUID();
  await through(isReached(), () => deploy("g", code, requestId));
  const { versions } = await client.functions.show({ owner: null, name: "g" }, "latest");
  expect(versions.filter(({ version }) => version === code.version)).toHaveLength(1);
  expect(await gleaner.invoke("g", { what })).toEqual({ what });
});

test.each<Step>([
  ["is recorded", grown(recorded)],
  ["runs", () => () => running() > 0],
  ["has ended", grown("SELECT count(*) FROM posting")],
])("a call, when it %s", async (what, isReached) => {
  const requestId = randomUUID();
  const answer = await through(isReached(), () => gleaner.invoke("f", { what }, { requestId }));
  expect(answer).toEqual({ what });
});

test.each<Step>([
  ["is recorded", grown(recorded)],
  [
    "has ended in part",
    () => {
      const before = ended();
      return () => ended() > before + mapped / 4;
    },
  ],
])("a map, when it %s", async (_what, isReached) => {
  const inputs = Array.from({ length: mapped }, (_, at) => ({ at }));
  const values: unknown[] = [];
  await through(isReached(), async () => {
    for await (const result of gleaner.map("f", inputs)) values.push(result.ok && result.value);
  });
  expect(values).toEqual(inputs);
});

test.each<Step>([
  ["input arrives", () => () => arrivedBytes() > 16 * megabyte],
  ["call runs", () => () => running() > 0],
  ["result arrives", () => () => running() > 0 && arrivedBytes() > 16 * megabyte],
  ["result is recorded", grown("SELECT count(*) FROM posting")],
])("64 MiB there and back, when the %s", async (_what, isReached) => {
  const input = randomBytes(64 * megabyte);
  const requestId = randomUUID();
  const output = await through(isReached(), () => gleaner.invoke("f", input, { requestId }));
  expect(input.equals(output as Buffer)).toBe(true);
});

test("after which each call ran once, and is billed once", async () => {
  const calls = readFileSync(began, "utf8").trimEnd().split("\n");
  expect(new Set(calls).size).toBe(calls.length);
  expect(ended()).toBe(calls.length);
  expect(count("SELECT count(*) FROM invocation WHERE state = 'COMPLETED'")).toBe(calls.length);
  expect(count("SELECT count(*) FROM posting")).toBe(calls.length);
  await site.gleanOrThrow(["bill", "--verify"]);
});
