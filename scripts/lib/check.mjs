// Runs every check of scripts/lib/checks.mjs; exits with 1 if one of them complains.

import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { checks, tidy } from "./checks.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

for (const { title, args, fix } of [...checks, tidy]) {
  console.log(`== ${title}`);
  const all = fix === undefined ? args : [...args, fix];
  const { status } = spawnSync(process.execPath, all, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
