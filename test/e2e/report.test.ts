// The HTML report in a real browser: drawn, right, quiet, and deaf to hostile names.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { computeUtilization } from "../../src/core/accounting/utilization.js";
import { renderUtilizationHtml } from "../../src/report/index.js";
import { chromiumLimitMs, launchChromium } from "../support/chromium.js";
import { harvest } from "../support/harvest.js";

const hostile = `</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">`;
const figures = computeUtilization(harvest(["n1", "n2", hostile]));
const title = `Utilization ${hostile}`;

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-report-"));
  writeFileSync(join(folder, "report.html"), renderUtilizationHtml(figures, title));
  browser = await launchChromium();
}, chromiumLimitMs);

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Opens the report; `noise` collects the browser's complaints and any requests besides the page
 * itself.
 */
async function open(options: Parameters<Browser["newPage"]>[0]) {
  const page = await browser.newPage(options);
  const noise: string[] = [];
  const address = pathToFileURL(join(folder, "report.html")).href;
  page.on("console", (message) => noise.push(message.text()));
  page.on("pageerror", (error) => noise.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== address) noise.push(request.url());
  });
  await page.goto(address);
  return { page, noise };
}

/** The colours on the plot that make up at least one in 200 of its points. */
async function plotColours(page: Page): Promise<string[]> {
  const { width, height, data } = PNG.sync.read(await page.locator("#plot canvas").screenshot());
  const counts = new Map<string, number>();
  for (let offset = 0; offset < data.length; offset += 4) {
    const colour = `#${data.subarray(offset, offset + 3).toString("hex")}`;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count * 200 > width * height).map(([colour]) => colour);
}

test("the page draws all four areas, requests nothing from the network and logs no error", async () => {
  const { page, noise } = await open({
    viewport: { width: 1280, height: 900 },
    colorScheme: "light",
  });
  const colours = await plotColours(page);
  expect(colours).toEqual(
    expect.arrayContaining(["#ffffff", "#7d8899", "#00795a", "#7cc3ea", "#f2c14b"]),
  );
  await page.locator("#plot .u-over").hover();
  const legend = await page.locator(".u-legend .u-value").allTextContents();
  expect(legend[0]).toMatch(/^2026-03-01 12:\d\d:\d\d$/);
  const cores = legend.slice(1).reduce((sum, value) => sum + Number(value), 0);
  expect(Math.abs(cores - 48)).toBeLessThan(0.3);
  expect(noise).toEqual([]);
  await page.close();
}, 60_000);

test("the page shows the figures of the input", async () => {
  const { page } = await open({ colorScheme: "light" });
  const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  const tiles = await page.locator(".tile dd").allTextContents();
  expect(tiles[0]).toContain(share(figures.idleCoreMs, figures.availableCoreMs));
  expect(tiles[1]).toContain(share(figures.coveredCoreMs, figures.idleCoreMs));
  expect(tiles[2]).toContain(share(figures.usefulCoreMs, figures.idleCoreMs));
  expect(tiles[3]).toContain(`${figures.evictMs?.max} ms`);
  const hours = (coreMs: number) => (coreMs / 3_600_000).toFixed(1);
  const findings = await page.locator(".findings").textContent();
  expect(findings).toContain(`idle of the ${hours(figures.availableCoreMs)} core-hours`);
  expect(findings).toContain(`left ${hours(figures.idleCoreMs)} (`);
  expect(findings).toContain("no batch job waited");
  await page.close();
}, 60_000);

test("hostile names are shown as text", async () => {
  const { page, noise } = await open({});
  expect(await page.title()).toBe(title);
  expect(await page.locator("h1").textContent()).toBe(title);
  expect(await page.locator("tbody th", { hasText: "onerror" }).textContent()).toBe(hostile);
  expect(await page.locator("img").count()).toBe(0);
  expect(noise).toEqual([]);
  await page.close();
}, 60_000);

test("the page fits a phone, and the plot adapts to dark mode and print", async () => {
  const { page, noise } = await open({
    viewport: { width: 390, height: 844 },
    colorScheme: "dark",
  });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  expect(await plotColours(page)).toEqual(expect.arrayContaining(["#11161d", "#1fb88b"]));
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  expect(await plotColours(page)).toEqual(expect.arrayContaining(["#ffffff", "#00795a"]));
  expect(noise).toEqual([]);
  await page.close();
}, 60_000);
