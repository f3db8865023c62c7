// The HTML page of glean simulate in a real browser: every assumption is on it, and axe-core finds
// nothing.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Browser } from "playwright-core";
import { factsOf } from "../../src/cli/simulation/page.js";
import { computeUtilization } from "../../src/core/accounting/utilization.js";
import { renderSimulationHtml, renderUtilizationHtml } from "../../src/report/index.js";
import { measuredCosts, policyNamed, readSacct, simulate } from "../../src/sim/index.js";
import { accessibilityFaults, axeLimitMs, fetchAxe } from "../support/axe.js";
import { chromiumLimitMs, launchChromium } from "../support/chromium.js";
import { harvest } from "../support/harvest.js";

let browser: Browser;
let folder: string;
let axe: string;
let simulated: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-simulation-page-"));
  simulated = await simulationPage();
  axe = fetchAxe();
  browser = await launchChromium();
}, chromiumLimitMs + axeLimitMs);

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(html: string) {
  const file = join(folder, "page.html");
  writeFileSync(file, html);
  const page = await browser.newPage({
    viewport: { width: 1280, height: 900 },
    colorScheme: "light",
  });
  await page.goto(pathToFileURL(file).href);
  return page;
}

async function simulationPage(): Promise<string> {
  const day = "2026-01-01T";
  const dump = [
    "JobID|Start|End|State|AllocCPUS|NodeList",
    `1|${day}00:00:00|${day}09:00:00|COMPLETED|4|n1`,
    `2|${day}10:00:00|${day}11:00:00|COMPLETED|2|n1`,
    `3|${day}12:00:00|soon|COMPLETED|2|n1`,
    `4|${day}12:00:00|${day}20:00:00|COMPLETED|3|n2`,
  ];
  const trace = await readSacct(dump, { groups: null, memoryPerCoreMb: 4_096 }, null, {
    fromMs: null,
    toMs: null,
  });
  const run = {
    demand: {
      durations: { kind: "lognormal", medianMs: 2_000, sigma: 1 },
      arrivals: { kind: "saturating" },
      memoryMb: 1_000,
    },
    costs: { ...measuredCosts, nodeFailures: { everyMs: 36_000_000, repairMs: 600_000 } },
    policy: policyNamed("checkpoint"),
    seed: 7,
  } as const;
  const { result, utilization } = simulate({ ...run, trace, onProgress: () => undefined });
  return renderSimulationHtml(utilization, factsOf({ ...run, result }, { sacct: "jobs" }));
}

test("axe-core finds nothing on the page of a simulation", async () => {
  const page = await open(simulated);
  expect(await accessibilityFaults(page, axe)).toEqual([]);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await accessibilityFaults(page, axe)).toEqual([]);
  await page.close();
}, 60_000);

test("axe-core finds nothing on the page of a report", async () => {
  const html = renderUtilizationHtml(computeUtilization(harvest(["n1", "n2"])), "Utilization");
  const page = await open(html);
  expect(await accessibilityFaults(page, axe)).toEqual([]);
  await page.close();
}, 60_000);

test("the page of a simulation shows every assumption", async () => {
  const page = await open(simulated);
  // textContent would join the cells of a table without a space.
  // biome-ignore lint/performance/useDomNodeTextContent: as the reader sees it
  const text = (await page.locator("body").innerText()).replace(/\s+/g, " ");
  for (const assumed of [
    "This is a simulation, not a measurement",
    "job records of sacct (jobs)",
    "lognormal, median 2 s, sigma 1",
    "always more than fits",
    "1000 MB",
    "280 ms",
    "150 to 300 ms",
    "5 ms",
    "25 ms",
    "every 10 h, 600 s each",
    "checkpoint",
    "30 s",
    "Seed 7",
    "Skipped 1 record",
    "nodes that were down, drained or reserved are not told apart from idle ones",
    "512 MB",
    "Time limit of a call the longest of its function",
    "Starts in a plan 64",
  ])
    expect(text).toContain(assumed);
  await page.close();
}, 60_000);
