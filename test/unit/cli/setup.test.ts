// glean setup: what it writes, that a second run changes nothing, that --undo takes out exactly
// that, and one sentence for each bad input.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { readAnswers } from "../../../src/cli/setup/answers.js";
import { copyFile, replaceFile } from "../../../src/cli/setup/files.js";
import { expectSentence, gleanWorld } from "../../support/glean.js";

const world = gleanWorld();
const setup = (...args: string[]) => world.start(["setup", ...args]).end;
const config = () => join(world.home, "gleaner.yaml");
const slurmConf = () => join(world.home, "slurm.conf");
const read = (file: string) => readFileSync(file, "utf8");

const site = "logLevel: info # the site's own\n";
const slurm = "ClusterName=c\nSlurmctldHost=ctl\nPartitionName=all Nodes=ALL";
/** This machine has one address for sure, which only pilots' and ssh's nodes cannot reach. */
const local = ["--launcher", "local", "--prolog", "/etc/slurm/prolog"];

beforeEach(() => {
  writeFileSync(config(), site);
  writeFileSync(slurmConf(), slurm, { mode: 0o640 });
  world.environment.SLURM_CONF = slurmConf();
});

/** What a user does who owns the folder of slurm.conf, as slurm often does. */
describe("in a folder of another user", () => {
  const victim = () => join(world.home, "victim");
  beforeEach(() => writeFileSync(victim(), "precious", { mode: 0o600 }));

  test("links that were put there beforehand are replaced, and not followed", () => {
    const copy = `${slurmConf()}.before-glean-setup`;
    for (const link of [copy, `${slurmConf()}.glean-setup`]) symlinkSync(victim(), link);
    copyFile(slurmConf(), copy);
    replaceFile(slurmConf(), "new");
    expect([read(victim()), read(copy), read(slurmConf())]).toEqual(["precious", slurm, "new"]);
    expect(statSync(copy).mode & 0o777).toBe(0o640);
    expect(lstatSync(copy).isSymbolicLink()).toBe(false);
  });

  test("a link in place of slurm.conf is neither read nor written", () => {
    const folder = join(world.home, "open");
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const link = join(folder, "slurm.conf");
    symlinkSync(victim(), link);
    expect(() => replaceFile(link, "new")).toThrow(/others can write to .*open: chmod go-w it/);
    expect(() => copyFile(link, join(folder, "copy"))).toThrow(/others can write to/);
    expect(read(victim())).toBe("precious");
  });

  test.each([[[...local]], [["--undo"]]])("root refuses a gleaner.yaml there: %j", async (args) => {
    if (process.geteuid!() !== 0) return;
    chmodSync(config(), 0o666);
    expectSentence(await setup(...args), 2, /is not trusted: others can write to/);
    expect(read(config())).toBe(site);
  });
});

describe("glean setup", () => {
  test("writes a block into gleaner.yaml and shows what slurm.conf lacks", async () => {
    const { status, stdout } = await setup("--launcher", "local", "--prolog", "none");
    expect(status).toBe(0);
    expect(stdout).toMatch(/Prolog=\/usr\/libexec\/gleaner\/glean-prolog\n {2}PrologFlags=Alloc\n/);
    expect(stdout).toContain("systemctl restart slurmctld slurmd");
    expect(read(config()).startsWith(site)).toBe(true);
    expect(parse(read(config()))).toEqual({ logLevel: "info", placement: { launcher: "local" } });
    expect(read(slurmConf())).toBe(slurm);
  });

  test("changes nothing when it is run again, also without options", async () => {
    await setup(...local);
    const first = read(config());
    expect((await setup()).status).toBe(0);
    expect(read(config())).toBe(first);
    await setup("--prolog", "/etc/slurm/other");
    expect(parse(read(config())).programs.prologWrapper).toBe("/etc/slurm/other");
    expect(parse(read(config())).placement.launcher).toBe("local");
  });

  test("writes only the lines that slurm.conf lacks, and undoes all of it to the byte", async () => {
    const own = `${slurm}\nProlog=/etc/slurm/prolog\nPrologFlags = X11,Contain\nEpilog=/etc/slurm/e`;
    writeFileSync(slurmConf(), own);
    expect((await setup(...local)).stdout).toContain("has all the lines");
    writeFileSync(slurmConf(), slurm);
    const hook = { exists: existsSync("/usr/libexec/gleaner/glean-prolog") };
    const none = ["--launcher", "local", "--prolog", "none"];
    const written = await setup(...none, "--write-slurm-conf", slurmConf());
    if (!hook.exists) {
      expectSentence(written, 2, /install gleaner-node first/);
      expect(read(slurmConf())).toBe(slurm);
    }
    expect(await setup("--undo")).toMatchObject({ status: 0 });
    expect(read(config())).toBe(site);
    expect(read(slurmConf())).toBe(slurm);
    expect((await setup("--undo")).stdout).toMatch(/^Nothing to undo/);
  });

  test.each<[string, string[], RegExp]>([
    ["a launcher", ["--launcher", "rsh"], /invalid launcher 'rsh': expected local, ssh or pilot/],
    ["a host", ["--launcher", "ssh", "--host", "a b"], /invalid host 'a b'/],
    ["no launcher", [], /no --launcher given, and this is no terminal/],
    [
      "an unknown host",
      ["--launcher", "ssh", "--host", "no.such.invalid", "--prolog", "none"],
      /cannot be looked up/,
    ],
    [
      "a loopback address",
      ["--launcher", "ssh", "--host", "127.0.0.1", "--prolog", "none"],
      /which no node can reach/,
    ],
    [
      "another machine",
      ["--launcher", "ssh", "--host", "192.0.2.7", "--prolog", "none"],
      /no address of this machine/,
    ],
    ["a prolog", ["--launcher", "local", "--prolog", "prolog"], /invalid prolog 'prolog'/],
    ["--undo with more", ["--undo", "--launcher", "local"], /--undo takes no other option/],
    [
      "no slurm.conf",
      [...local, "--write-slurm-conf", "/nowhere/slurm.conf"],
      /cannot read \/nowhere\/slurm.conf/,
    ],
    [
      "pilots' slurm.conf",
      ["--launcher", "pilot", "--host", "127.0.0.1", "--write-slurm-conf", "/nowhere"],
      /no node can reach|cannot write slurm.conf for pilots/,
    ],
  ])("refuses %s in one sentence and writes nothing", async (_, args, sentence) => {
    expectSentence(await setup(...args), 2, sentence);
    expect(read(config())).toBe(site);
  });

  test.each<[string, string, RegExp]>([
    ["a prolog", "Prolog=/site/prolog", /line 4 of .*--prolog \/site\/prolog/],
    ["prolog flags", "PrologFlags=NoHold", /add Alloc there/],
    ["an epilog", "Epilog=/site/epilog", /let it call .*glean-epilog/],
  ])("refuses %s of slurm.conf that it must not change", async (_, line, sentence) => {
    writeFileSync(slurmConf(), `${slurm}\n${line}\n`);
    expectSentence(await setup("--launcher", "local", "--prolog", "none"), 2, sentence);
    expect(read(config())).toBe(site);
  });

  test("reads what slurm.conf includes", async () => {
    writeFileSync(slurmConf(), "Include more.conf\n");
    writeFileSync(join(world.home, "more.conf"), "\nProlog=/site/prolog\n");
    expectSentence(
      await setup("--launcher", "local", "--prolog", "none"),
      2,
      /line 2 of .*more.conf has Prolog/,
    );
  });

  test("says which line includes what cannot be read", async () => {
    writeFileSync(slurmConf(), "\nInclude gone.conf\n");
    expectSentence(
      await setup("--launcher", "local", "--prolog", "none"),
      2,
      /cannot read .*gone\.conf, which line 2 of .*slurm\.conf includes \(ENOENT.*correct that line/,
    );
  });

  test("writes no prolog into slurm.conf that does not exist, which would drain nodes", async () => {
    expectSentence(
      await setup(
        "--launcher",
        "local",
        "--prolog",
        "/no/prolog",
        "--write-slurm-conf",
        slurmConf(),
      ),
      2,
      /slurm\.conf has no Prolog=, and this machine has no \/no\/prolog/,
    );
    expect(read(slurmConf())).toBe(slurm);
  });

  test("refuses a section that the site has already", async () => {
    const own = "placement:\n  launcher: local\n";
    writeFileSync(config(), own);
    expectSentence(await setup(...local), 2, /has a section placement already/);
    expect(read(config())).toBe(own);
  });

  test("keeps the mode of gleaner.yaml", async () => {
    await setup(...local);
    expect(statSync(config()).mode & 0o777).toBe(0o644);
  });

  test("asks on a terminal for what no option gives, and takes the usual answer for none", async () => {
    const asked: string[] = [];
    const ask = async (question: string) => {
      asked.push(question);
      return asked.length === 1 ? " ssh " : "";
    };
    const answers = await readAnswers({}, { hostName: "ctl1", ask, before: {} });
    expect(answers).toEqual({ launcher: "ssh", host: "ctl1", prolog: null });
    expect(asked.map((question) => /\[(\w+)\]: $/.exec(question)?.[1])).toEqual([
      ...["ssh", "ctl1", "none"],
    ]);
  });
});
