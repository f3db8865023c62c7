// All generated files: path from the root, and text.

import { configurationPage } from "./configuration-page.js";
import { readKeys } from "./keys.js";
import { sampleConfiguration } from "./sample.js";

export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const keys = readKeys();
  return new Map([
    ["docs/reference/configuration.md", configurationPage(keys)],
    ["configs/gleaner.yaml", sampleConfiguration(keys)],
  ]);
}
