// Starts a program that uses the SDK as an ordinary user of a site, driven as lib/driver.ts says.

import { mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { findAccount } from "../../cluster/command.js";
import type { Site } from "../../site/site.js";
import { Driver } from "./driver.js";
import { benchmarkUser } from "./harness.js";

const sdkSource = join(dirname(fileURLToPath(import.meta.url)), "../../../src/sdk/public.ts");

/** `program` is a module; its first argument is the file of the SDK, a CommonJS module. */
export async function startSdkClient(site: Site, program: string): Promise<Driver> {
  const folder = join(site.cluster.dir, "work", "client");
  mkdirSync(folder);
  // A checkout may be closed to the user.
  const sdk = join(folder, "sdk.cjs");
  const copy = join(folder, basename(program));
  const bundled = { bundle: true, platform: "node", target: "node20", format: "cjs" } as const;
  await build({ ...bundled, entryPoints: [sdkSource], outfile: sdk });
  await build({ entryPoints: [program], outfile: copy });
  return Driver.start({
    name: basename(program),
    command: [process.execPath, copy, sdk],
    environment: { ...site.cluster.env, GLEANER_CONF: site.files.config },
    account: findAccount(benchmarkUser),
  });
}
