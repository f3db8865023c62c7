// All generated files: path from the root, and text.

import { readFileSync } from "node:fs";
import { openApiText } from "../../src/daemon/api/openapi.js";
import { readGlean, readGleanerd } from "./commands.js";
import { commandsPage } from "./commands-page.js";
import { completions } from "./completions/completions.js";
import { configurationPage } from "./configuration-page.js";
import { functionFileManual, functionFilePage } from "./function-file.js";
import { readKeys } from "./keys.js";
import { commandManuals, configurationManual, daemonManual } from "./manuals.js";
import { sampleConfiguration } from "./sample.js";

export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const version = readVersion();
  const keys = readKeys();
  const glean = await readGlean(version);
  const gleanerd = readGleanerd(version);
  return new Map([
    ["docs/reference/configuration.md", configurationPage(keys)],
    ["docs/reference/commands.md", commandsPage(glean, gleanerd)],
    ["docs/reference/function-yaml.md", functionFilePage()],
    ["docs/reference/openapi.json", openApiText()],
    ["configs/gleaner.yaml", sampleConfiguration(keys)],
    ...commandManuals(glean, version).map(([name, text]) => [`man/man1/${name}`, text] as const),
    ...completions(glean).map(([name, text]) => [`configs/completions/${name}`, text] as const),
    ["man/man8/gleanerd.8", daemonManual(gleanerd, version)],
    ["man/man5/function.yaml.5", functionFileManual(version)],
    ["man/man5/gleaner.yaml.5", configurationManual(keys, version)],
  ]);
}

function readVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
