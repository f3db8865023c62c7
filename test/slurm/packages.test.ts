// The Debian packages on a machine of their own, with real Slurm: install, set up, first function,
// upgrade with work running, remove, purge; no node is drained.

import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { until } from "../../scripts/cluster/until.js";
import { type Ended, Machine, mayStartMachines } from "../support/packages/machine.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
const names = ["gleaner-controller", "gleaner-node", "gleaner-client"];

/** Makes packages in a folder of `folder`; all have the same time. */
function makePackages(into: string, ...options: string[]): void {
  const args = ["--fast", "--out", join(folder, into), ...options];
  const { status, stderr } = spawnSync(join(root, "scripts/package"), args, {
    encoding: "utf8",
    env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000" },
  });
  if (status !== 0) throw new Error(`scripts/package failed: ${stderr}`);
}

/** Its own: the kernel's cgroups, which executors name by their node, are those of all machines. */
const host = `ctl${randomInt(1_000_000)}`;
const slurmConf = `ClusterName=packages
SlurmctldHost=${host}
SlurmUser=root
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/tmp/slurmctld.log
SlurmdLogFile=/tmp/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
NodeName=${host} CPUs=4 RealMemory=4000
PartitionName=all Nodes=ALL Default=YES State=UP
`;

const prepareSlurm = `
mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /run/munge /var/log/munge
chown munge /run/munge /var/log/munge && chmod 755 /run/munge
printf '%s' '${slurmConf}' >/etc/slurm/slurm.conf
useradd --create-home --shell /bin/bash ada
runuser -u munge -- munged`;

/** slurmctld and slurmd go on in the background; this is also how they are restarted. */
const startSlurm = `
for name in slurmd slurmctld; do
  [ ! -e /run/$name.pid ] || { pid=$(cat /run/$name.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; }
done
slurmctld && slurmd`;

const startDaemon = `echo $$ >/tmp/gleanerd.pid; exec $(sed -n s/^ExecStart=//p /usr/lib/systemd/system/gleanerd.service) >>/tmp/gleanerd.log 2>&1`;

const endDaemon = (signal: string) => `
pid=$(cat /tmp/gleanerd.pid)
kill -${signal} $pid && while kill -0 $pid 2>/dev/null; do sleep 0.05; done`;

const asAda = (command: string) => `cd /home/ada && runuser -u ada -- ${command}`;

// Debian 12 and 13 are enough; 26.05 runs on sid.
const isWanted = mayStartMachines && process.env.GLEANER_TEST_SLURM !== "26.05";

/** Each step goes on where the one before ended. */
const step = isWanted ? test : test.skip;

let machine: Machine;

beforeAll(async () => {
  if (!isWanted) return;
  folder = mkdtempSync(join(tmpdir(), "gleaner-packages-"));
  makePackages("1", "--deb");
  makePackages("2", "--deb", "--revision", "2", "gleaner-controller", "gleaner-node");
  machine = await Machine.start(folder, host, "198.51.100.1");
  await machine.do(prepareSlurm);
  await machine.do(startSlurm);
}, 240_000);

afterAll(async () => {
  await machine?.stop();
  if (isWanted) rmSync(folder, { recursive: true });
});

/** Runs the command until what it prints is as it should be, and at most a minute. */
const becomes = async (command: string, isRight: (ended: Ended) => boolean) => {
  let last: Ended;
  await until(
    60_000,
    async () => {
      last = await machine.run(command);
      return isRight(last) ? true : undefined;
    },
    () => new Error(`${command} still prints ${last.stdout}${last.stderr}`),
  );
};
const doctorIsGreen = () =>
  becomes(
    "glean doctor",
    ({ status, stdout }) => status === 0 && new RegExp(`^hook on ${host} +ok`, "m").test(stdout),
  );

step(
  "are the same bytes when they are made again",
  () => {
    makePackages("again", "--deb", "gleaner-controller");
    const [file] = readdirSync(join(folder, "again"));
    const bytes = (of: string) => readFileSync(join(folder, of, file!));
    expect(bytes("again").equals(bytes("1"))).toBe(true);
  },
  120_000,
);

const rpmStep = spawnSync("rpmbuild", ["--version"]).status === 0 ? step : test.skip;

rpmStep(
  "are made for RPM, with the scripts that dpkg would run",
  () => {
    makePackages("rpm", "gleaner-client");
    const file = readdirSync(join(folder, "rpm")).find((name) => name.endsWith(".x86_64.rpm"));
    const ask = (...what: string[]) =>
      spawnSync("rpm", ["-qp", ...what, join(folder, "rpm", file!)], { encoding: "utf8" }).stdout;
    expect(ask("-l").split("\n")).toEqual(
      expect.arrayContaining(["/usr/lib/gleaner-client", "/usr/lib/gleaner-client/glean"]),
    );
    expect(ask("--scripts")).toMatch(
      /post\w+ scriptlet.*\n.*configure.*preun\w+ scriptlet.*\n.*set -- remove/s,
    );
  },
  120_000,
);

/** It checks for a minute, so only where somebody has installed it. */
const lintianStep = spawnSync("lintian", ["--version"]).status === 0 ? step : test.skip;

lintianStep(
  "have no errors that lintian finds",
  async () => {
    await machine.do(
      "lintian --tag-display-limit 0 --fail-on error -EL error /mnt/packages/1/*.deb",
    );
  },
  180_000,
);

step(
  "install beside each other, with every file as it was packed",
  async () => {
    await machine.do("dpkg -i /mnt/packages/1/*.deb");
    expect(await machine.do(`dpkg -V ${names.join(" ")}`)).toBe("");
    expect(await machine.do("stat -c %U:%a /var/lib/gleaner /var/log/gleaner")).toBe(
      "root:700\nroot:700\n",
    );
    expect(await machine.do("readlink -f /usr/bin/glean")).toBe("/usr/lib/gleaner/glean\n");
    expect(await machine.do("zcat /usr/share/man/man1/glean-batch.1.gz")).toContain("sbatch");
    for (const file of ["bash-completion/completions/glean", "zsh/vendor-completions/_glean"])
      expect(await machine.do(`head -n 3 /usr/share/${file}`)).toContain(
        "Made by scripts/generate",
      );
    await machine.do("/usr/lib/gleaner-client/glean --version && gleanerd --check");
  },
  120_000,
);

step(
  "are set up by one command, and run the first function",
  async () => {
    const setup = "glean setup --launcher local --prolog none";
    await machine.do(`${setup} --write-slurm-conf /etc/slurm/slurm.conf`);
    const config = await machine.do("cat /etc/gleaner/gleaner.yaml");
    await machine.do(setup);
    expect(await machine.do("cat /etc/gleaner/gleaner.yaml")).toBe(config);
    expect(config).toMatch(/^ {2}node: \/usr\/lib\/gleaner\/node$/m);
    await machine.do(startSlurm);
    machine.start(startDaemon);
    await doctorIsGreen();
    await machine.do(asAda("glean batch --wait --output first.out --wrap 'echo hello'"));
    expect(await machine.do("cat /home/ada/first.out")).toBe("hello\n");
  },
  120_000,
);

step(
  "are upgraded while functions run, and none is lost or runs twice",
  async () => {
    const wrap = "echo began >>began; sleep 4; echo $SLURM_ARRAY_TASK_ID >>ended";
    const id = (
      await machine.do(asAda(`glean batch --parsable -a 0-5 -t 1 --mem 50 --wrap '${wrap}'`))
    ).trim();
    await becomes("cat /home/ada/began", ({ stdout }) => stdout !== "");
    await machine.do("dpkg -i /mnt/packages/2/*.deb");
    await machine.do(endDaemon("TERM"));
    machine.start(startDaemon);
    await becomes(
      `glean acct -j ${id} --json`,
      ({ stdout }) => stdout.match(/"COMPLETED"/g)?.length === 6,
    );
    expect((await machine.do("sort -n /home/ada/ended")).split("\n")).toEqual([
      ...["0", "1", "2", "3", "4", "5"],
      "",
    ]);
    expect(await machine.do("dpkg -s gleaner-controller")).toMatch(/^Version: .*-2$/m);
    await doctorIsGreen();
  },
  150_000,
);

step(
  "refuse to go while Slurm runs the hook, and then leave nothing behind",
  async () => {
    const refused = await machine.run("dpkg -r gleaner-node");
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/would drain this node/);
    await machine.do("glean drain all --now");
    await machine.do("glean setup --undo && scontrol reconfigure");
    await machine.do(endDaemon("INT"));
    expect(await machine.do("cat /etc/slurm/slurm.conf")).toBe(slurmConf);
    await machine.do(`dpkg -r ${names.join(" ")}`);
    const left = "find /usr /etc /var/lib /var/log /var/cache /run -xdev -name '*glean*'";
    const places = "-not -path '*/dpkg/*' -not -path '/usr/src/*'";
    expect((await machine.do(`${left} ${places} | sort`)).split("\n")).toEqual([
      "/etc/gleaner",
      "/etc/gleaner/gleaner.yaml",
      "/var/lib/gleaner",
      "/var/lib/gleaner/gleaner.db",
      "/var/lib/gleaner/gleaner.lock",
      "/var/log/gleaner",
      "",
    ]);
    expect(await machine.do("srun -n 1 hostname")).toBe(`${host}\n`);
    await becomes("sinfo -h -o %T", ({ stdout }) => stdout === "idle\n");
    await machine.do(`dpkg -P ${names.join(" ")}`);
    expect(await machine.do(`${left} ${places}`)).toBe("");
  },
  120_000,
);
