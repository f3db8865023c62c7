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

  test("is the function's only if an operand or a value of --jobs is nothing but ids", () => {
    const own = [
      "scancel 67108870",
      "scancel -s 9 --name x 67108870.0",
      "scancel -qs9 67108870_4",
      "scancel -- 67108870",
      "scancel '67108870 5'",
      "squeue -ho%L -j 67108870",
      "squeue -hj67108870_[3-4,7]",
      "squeue --jobs=5,67108870_[1-2],8_[1]",
      "squeue --jobs 67108870_*",
      "squeue --jo=67108870 --me",
      "squeue --job 67108870",
      "sacct -nXPj 67108870.batch -o State",
      "sacct --jobs=67108870 --name a",
      "scontrol -o show job 67108870",
      "scontrol sho jobs=67108870",
      "scontrol hold jobid=67108870,5",
      "scontrol update JobId=67108870 TimeLimit=9",
      "scontrol requeue 67108870_[1,3]",
    ];
    const slurms = [
      "squeue -h --name=sweep-1796049257",
      "squeue -h --name=1796049257",
      "squeue -hn 1796049257",
      "squeue -u 1850401234",
      "squeue -u1850401234 -j 5",
      "squeue --user 1850401234 -j5",
      "squeue --user=1850401234 --jobs=5_[1-1796049257]",
      "squeue --us 1850401234",
      "squeue -j x1796049257",
      "squeue -s 1796049257",
      "scancel -n sweep-1796049257",
      "scancel -n 1796049257",
      "scancel -qn1796049257",
      "scancel --jobname 1796049257 5",
      "scancel sweep-1796049257 5",
      "scancel 5_[1,67108871]",
      "scancel -u 1850401234 -A 1796049257",
      "sacct --name 1b4e28ba-2fa1-11d2-883f-99796049257a -S 1796049257",
      "sacct -nu 1850401234 -j 5",
      "sacct -J 1796049257 -s 1796049257",
      "scontrol update JobId=5 Priority=1796049257",
      "scontrol update JobId=5 Comment=67108870",
      "scontrol show reservation 1796049257",
      "scontrol show hostlist n[1796049257]",
      "scontrol -u 1850401234 ping",
    ];
    const path = [place("bin/glean", "#!/bin/bash\nshift; echo glean\n")];
    for (const name of ["squeue", "sacct", "scancel", "scontrol"])
      path[1] = place(`slurm/${name}`, "#!/bin/bash\necho Slurm\n");
    const [said] = run([...own, ...slurms].join("\n"), path);
    const expected = [...own.map(() => "glean"), ...slurms.map(() => "Slurm")];
    const lines = String(said).trimEnd().split("\n");
    const asked = [...own, ...slurms].map((line, at) => `${line}: ${lines[at]}`);
    expect(asked).toEqual([...own, ...slurms].map((line, at) => `${line}: ${expected[at]}`));
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
