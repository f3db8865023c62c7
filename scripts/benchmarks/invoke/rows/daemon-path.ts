// Calls of a warm function in JavaScript through gleanerd, by a user of a site of its own. Only the
// client is pinned.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../../../test/support/executor/function-code.js";
import { ensureSlurmInstalled } from "../../../cluster/cluster.js";
import { findAccount } from "../../../cluster/command.js";
import { until } from "../../../cluster/until.js";
import { type Site, startSite } from "../../../site/site.js";
import { Api } from "../../lib/api.js";
import { benchmarkUser } from "../../lib/harness.js";
import { nodeProgram } from "../node-program.js";
import type { Row, Served } from "../row.js";

const readyDeadlineMs = 60_000;
const account = findAccount(benchmarkUser);
const program = await nodeProgram("daemon-path");
const asUser = [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"];
/** Started for the first round, and used until the last one. */
let site: Site | null = null;

export const rows: readonly Row[] = [
  {
    ...{ kind: "daemonPath", language: "node", transport: "daemonPath", serve },
    command: ["setpriv", ...asUser, process.execPath, program],
  },
];

async function serve(): Promise<Served> {
  site ??= await startedSite();
  const { cluster, files } = site;
  const environment = { ...cluster.env, ...account.env, GLEANER_CONF: files.config };
  return { environment: environment as Record<string, string>, stop: async () => {} };
}

async function startedSite(): Promise<Site> {
  await ensureSlurmInstalled();
  const started = await startSite({
    dir: mkdtempSync(join(tmpdir(), "gleaner-bench-")),
    ...{ nodes: 1, cpus: 2 },
  });
  const api = new Api(started);
  await api.identify();
  const hasExecutor = async () =>
    (await api.info()).nodes[0]?.executor?.state === "ready" ? true : undefined;
  await until(readyDeadlineMs, hasExecutor, () => new Error("no executor became ready"));
  const source = { "index.mjs": "export default (input) => input;" };
  await api.deploy("echo", (await codeOf(source)).bundle);
  api.close();
  return started;
}

export async function close(): Promise<void> {
  await site?.stop();
  if (site !== null) rmSync(site.cluster.dir, { recursive: true, force: true });
}
