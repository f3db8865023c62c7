// The runtime for JavaScript, built once for a test file.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "@jest/globals";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";
import { type Command, stopRuntimes } from "./runtime-process.js";

/** To be called at the top of a test file; returns the command that starts the runtime. */
export function nodeRuntime(): Command {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-node-runtime-"));
  beforeAll(() => makeBundles(["glean-runtime-node"], folder, "1.2.3"));
  afterEach(stopRuntimes);
  afterAll(() => rmSync(folder, { recursive: true }));
  return [process.execPath, join(folder, "glean-runtime-node.cjs")];
}
