// Gleaner's own functions in this benchmark: no-ops in JavaScript and Python, called by an ordinary
// user through the SDK.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import type { Api } from "../lib/api.js";
import type { Driver } from "../lib/driver.js";
import { benchmarkUser } from "../lib/harness.js";
import { startSdkClient } from "../lib/sdk-client.js";

const here = dirname(fileURLToPath(import.meta.url));
const readyDeadlineMs = 60_000;
const sources = {
  node: { file: "noop.mjs", text: "export default (input) => input;\n" },
  python: { file: "noop.py", text: "def handler(event):\n    return event\n" },
} as const;

/** The executors are ready before the clock starts. */
export async function allReady(api: Api, nodes: number): Promise<void> {
  await until(
    readyDeadlineMs,
    async () => {
      const info = await api.info();
      const ready = info.nodes.filter(({ executor }) => executor?.state === "ready");
      return ready.length === nodes ? true : undefined;
    },
    () => new Error(`the nodes had no executors within ${readyDeadlineMs} ms`),
  );
}

/** Deploys the no-ops and starts the program that calls them. */
export async function startClient(site: Site): Promise<Driver> {
  const folder = join(site.cluster.dir, "work", "noops");
  mkdirSync(folder);
  for (const [runtime, { file, text }] of Object.entries(sources)) {
    const path = join(folder, file);
    writeFileSync(path, text);
    await site.gleanOrThrow(["function", "deploy", `noop-${runtime}`, path], {
      user: benchmarkUser,
    });
  }
  return startSdkClient(site, join(here, "client.mjs"));
}
