// axe-core, which finds what people with a screen reader or a keyboard cannot use on a page.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";

const version = "4.14.1";

/** The time limit of a beforeAll() that calls fetchAxe(). */
export const axeLimitMs = 120_000;

/** The program, from the npm registry: only this test needs it, so that it is no dependency. */
export function fetchAxe(): string {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-axe-"));
  try {
    const options = ["--no-save", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"];
    execFileSync("npm", ["install", ...options, "--prefix", folder, `axe-core@${version}`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return readFileSync(join(folder, "node_modules/axe-core/axe.min.js"), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What it finds on the page, one line for each element. */
export async function accessibilityFaults(page: Page, axe: string): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate("axe.run()")) as {
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
}
