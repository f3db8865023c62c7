// The folder of srun in the node's cache, which is placed again if somebody empties the cache, and
// the programs in it that hand a function's own id to Gleaner.

import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { stepsIn } from "../../../../src/executor/steps/step-names.js";
import { aliasMark } from "../../../../src/model/slurm/own-names.js";

let home: string;
let said: string[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "glean-steps-"));
  said = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const open = () => stepsIn(join(home, "cache"), (why) => said.push(why));
const srunOf = ({ PATH }: Record<string, string>) => join(PATH!.split(":")[0]!, "srun");

test("commands find srun also after the cache was removed", () => {
  const { steps } = open();
  rmSync(join(home, "cache"), { recursive: true });
  expect(existsSync(srunOf(steps({})))).toBe(true);
  expect(said).toEqual([]);
});

test("commands start without it where there is no room, which is said once and leaves nothing", () => {
  const cache = join(home, "cache");
  mkdirSync(cache);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k,mode=755", "none", cache]);
  try {
    const { steps } = open();
    expect([steps({}), steps({})]).toEqual([{}, {}]);
    expect(said).toEqual([
      `functions have no srun: ${cache}/step-names has no room for it (ENOSPC): ask your site to make room there`,
    ]);
    expect(readdirSync(join(cache, "step-names"))).toEqual(["sbcast"]);
  } finally {
    execFileSync("umount", ["-l", cache]);
  }
});

test("commands start without it where the cache is open to others", () => {
  const { steps } = open();
  rmSync(join(home, "cache/step-names"), { recursive: true });
  chmodSync(join(home, "cache"), 0o777);
  expect(steps({})).toEqual({});
  expect(said[0]).toMatch(/^functions have no srun: /);
});

describe("a command of Slurm's in a function", () => {
  const place = (name: string, text: string) => {
    const folder = join(home, name.split("/")[0]!);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(home, name), text);
    chmodSync(join(home, name), 0o755);
    return folder;
  };
  const says = (who: string) => `#!/bin/bash\necho "${who}: $*"\n`;
  /** PATH is lost, as in a script that begins with #!/bin/bash -l. */
  const run = (script: string, path: readonly string[], own: Record<string, string> = {}) => {
    const PATH = [...path, "/usr/bin", "/bin"].join(":");
    const env = { GLEANER_INVOCATION_ID: "67108870", ...open().steps({ PATH }), ...own };
    const { stdout, stderr, status } = spawnSync("bash", ["-c", `PATH=${PATH}\n${script}`], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return [stdout + stderr, status];
  };

  test("goes to Gleaner with an id of a function, and to Slurm with anything else", () => {
    const path = [place("bin/glean", says("glean")), place("slurm/scontrol", says("Slurm"))];
    place("slurm/squeue", says("Slurm"));
    const words = (...lines: string[]) => [lines.join(""), 0];
    expect(run("scontrol show job 67108870", path)).toEqual(
      words("glean: as scontrol show job 67108870\n"),
    );
    expect(run("squeue -hj67108870_[3-4] -o %L; scontrol update JobId=67108870 x=1", path)).toEqual(
      words(
        "glean: as squeue -hj67108870_[3-4] -o %L\n",
        "glean: as scontrol update JobId=67108870 x=1\n",
      ),
    );
    expect(
      run("scontrol show hostnames n[1-2]; squeue -j 67108863 -S 20261130; scontrol ping", path),
    ).toEqual(
      words("Slurm: show hostnames n[1-2]\n", "Slurm: -j 67108863 -S 20261130\n", "Slurm: ping\n"),
    );
    expect(run("scontrol show job 67108870", path, { GLEANER_INVOCATION_ID: "" })).toEqual(
      words("Slurm: show job 67108870\n"),
    );
  });

  test("goes to an alias without glean in PATH, or says what the site has to do", () => {
    const slurm = place("slurm/scancel", "\x7fELF\0\0");
    const names = place("names/scancel", `#!/bin/bash -p\n${aliasMark}\necho "alias: $*"\n`);
    expect(run("scancel 67108870", [names, slurm])).toEqual(["alias: 67108870\n", 0]);
    expect(run("scancel 67108870", [slurm])).toEqual([
      "scancel: error: 67108870 is a function of Gleaner's: ask your site to install glean on its nodes\n",
      1,
    ]);
  });
});
