// The time until a lease of one native worker is granted and its client is connected to the worker:
// warm, on a worker that an earlier lease left, and cold, with none.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { until } from "../../../cluster/until.js";
import { Api } from "../../lib/api.js";
import type { Driver } from "../../lib/driver.js";
import { measuredOnSite, measuredPercentiles, rounded, say } from "../../lib/harness.js";
import { deployNative } from "../../lib/native-function.js";
import { startSdkClient } from "../../lib/sdk-client.js";

const grants = 100;
const barsMs = { warm: 5, cold: 50 } as const;
const readyDeadlineMs = 60_000;
/** A worker that is to be cold is gone then, and one that is to be warm waits, frozen. */
const settleMs = 100;

const here = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));
type Kind = keyof typeof barsMs;

export function measure(): Promise<object> {
  return measuredOnSite({ nodes: 1, cpus: 4 }, async (site) => {
    const api = new Api(site);
    await api.identify();
    const source = readFileSync(here("c/echo.c"), "utf8");
    await deployNative(api, "warm", source);
    await deployNative(api, "cold", source, { idleTimeoutMs: 1 });
    const hasExecutor = async () =>
      (await api.info()).nodes.some(({ executor }) => executor?.state === "ready") || undefined;
    await until(readyDeadlineMs, hasExecutor, () => new Error("no executor became ready"));
    const client = await startSdkClient(site, here("grant.mjs"));
    try {
      // The first ones fetch the code.
      for (const kind of ["warm", "cold"] as const) await grant(api, client, kind);
      const warm = await figuresOf(api, client, "warm");
      const cold = await figuresOf(api, client, "cold");
      return { grant: { warm, cold }, barsMs, withinBars: isWithin({ warm, cold }) };
    } finally {
      await client.stop();
      api.close();
    }
  });
}

async function figuresOf(api: Api, client: Driver, kind: Kind) {
  const tookMs: number[] = [];
  for (let number = 0; number < grants; number++) tookMs.push(await grant(api, client, kind));
  const { p50, p99, max } = measuredPercentiles(`a ${kind} grant`, tookMs);
  say(`${kind}: p50 ${rounded(p50)} ms, p99 ${rounded(p99)} ms`);
  return { grants, p50ms: rounded(p50), p99ms: rounded(p99), maxMs: rounded(max) };
}

async function grant(api: Api, client: Driver, kind: Kind): Promise<number> {
  const { tookMs, id } = await client.ask<{ tookMs: number; id: string }>({ name: kind });
  await api.ended(Number(id));
  await pause(settleMs);
  return tookMs;
}

const isWithin = (seen: Readonly<Record<Kind, { readonly p50ms: number }>>): boolean =>
  Object.entries(barsMs).every(([kind, barMs]) => seen[kind as Kind].p50ms <= barMs);
