// Packages of PyPI that the Python SDK is tested with, installed once for each list of versions
// into a folder of their own.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled } from "../../../../scripts/cluster/cluster.js";
import { python } from "../../runtimes/python-runtime.js";

const packages = [
  ...["parsl==2026.10.26", "joblib==1.6.0", "dask==2026.8.0", "cloudpickle==3.1.3"],
  ...["numpy==2.4.6", "mypy==2.4.1", "nbclient==0.11.0", "ipykernel==7.4.0"],
];
/** An interrupted installation has no mark and is made anew. */
const install = `folder=$1; shift
[[ -e $folder/.complete ]] && exit
rm -rf "$folder"
"$@" --target "$folder" && touch "$folder/.complete"`;

/** Their folder, for PYTHONPATH; throws with pip's words if they cannot be had. */
export async function pythonPackages(): Promise<string> {
  await ensureInstalled(["pip3=python3-pip"]);
  const digest = createHash("sha256").update(packages.join("\n")).digest("hex").slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME ?? "/var/cache", "gleaner");
  const folder = join(cache, `python-packages-${digest}`);
  mkdirSync(cache, { recursive: true });
  const pip = [python, "-m", "pip", "install", "--quiet", ...packages];
  execFileSync("flock", [`${folder}.lock`, "bash", "-c", install, "bash", folder, ...pip], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  return folder;
}
