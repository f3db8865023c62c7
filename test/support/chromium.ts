// A real browser for tests: Debian's Chromium, installed when it is missing.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const program = "/usr/bin/chromium";

/**
 * Downloading and unpacking Chromium may take minutes on a slow line; the time limit of a
 * beforeAll() that calls launchChromium().
 */
export const chromiumLimitMs = 600_000;

/**
 * Starts a headless Chromium with an empty profile of its own; the caller closes it. Throws an
 * error that says what to install if it cannot start.
 */
export async function launchChromium(): Promise<Browser> {
  // As root the script installs it; otherwise it says on standard error what to do, which becomes
  // part of the error.
  if (!existsSync(program)) {
    execFileSync(
      "sh",
      [
        "scripts/lib/apt.sh",
        `${program}=chromium`,
        "/usr/share/fonts/truetype/dejavu=fonts-dejavu-core",
      ],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
  }
  return chromium.launch({
    executablePath: program,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
