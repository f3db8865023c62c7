// What glean setup does: checks everything first, then writes slurm.conf, gleaner.yaml and the
// service's settings, and says what is left to do. It never restarts Slurm.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { requireTrusted } from "../../sdk/index.js";
import type { Answers } from "./answers.js";
import { blockOf, withBlock, withoutBlock } from "./block.js";
import { copyFile, removeFile, replaceFile, textOf } from "./files.js";
import { checkHost } from "./host.js";
import { configureService, endService, startService } from "./service.js";
import { configWith, remembered } from "./site-config.js";
import { neededLines, readSlurmConf } from "./slurm-conf.js";

export interface Places {
  readonly configFile: string;
  /** Where this glean is installed. */
  readonly programFolder: string;
  /** The slurm.conf that gets our lines; null: they are only shown. */
  readonly writeSlurmConf: string | null;
  /** The slurm.conf that is read to show what it lacks, if it exists. */
  readonly usualSlurmConf: string;
  /** Throws CONFIG if the text is no valid gleaner.yaml. */
  readonly checkConfig: (text: string) => Promise<void>;
}

/** Returns what to print. */
export async function setUp(answers: Answers, places: Places): Promise<string> {
  const { configFile, programFolder } = places;
  requireOwn(configFile);
  const old = textOf(configFile);
  const before = remembered(old);
  const address = await checkHost(answers);
  const slurmConf = places.writeSlurmConf ?? before?.slurmConf;
  const slurm = planSlurmConf(answers, slurmConf, places.usualSlurmConf);
  const makesKey = answers.launcher === "ssh" && !existsSync(keyOf(configFile));
  const key = makesKey ? "made" : before?.key;
  const memory = { ...(slurmConf && { slurmConf }), ...(key && { key }) };
  const config = configWith(old, answers, memory, programFolder);
  await places.checkConfig(config);

  if (makesKey) makeKey(keyOf(configFile));
  try {
    slurm.write();
  } catch (cause) {
    if (makesKey) removeKey(configFile);
    throw cause;
  }
  replaceFile(configFile, config);
  configureService(answers.launcher, programFolder);
  const wrote = `${configFile} is written (launcher ${answers.launcher}, host ${answers.host}).`;
  return [
    ...[wrote, slurm.text, startService(programFolder), "", "What is left to do:"],
    ...stepsOf(answers, address, keyOf(configFile)).map((step, index) => `${index + 1}. ${step}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** It says what root changes and removes, here and for --undo. */
function requireOwn(configFile: string): void {
  if (process.geteuid!() === 0) requireTrusted(configFile);
}

const keyOf = (configFile: string): string => `${dirname(configFile)}/id_ed25519`;

const removeKey = (configFile: string): void => {
  for (const end of ["", ".pub"]) removeFile(`${keyOf(configFile)}${end}`);
};

function makeKey(file: string): void {
  try {
    const words = ["-q", "-t", "ed25519", "-N", "", "-C", "gleaner", "-f", file];
    execFileSync("ssh-keygen", words, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (cause) {
    throw new GleanerError(
      "CONFIG",
      `ssh-keygen cannot make ${file} (${messageOf(cause)}): install openssh-client, and run glean setup as root`,
      { cause },
    );
  }
}

function planSlurmConf(answers: Answers, file: string | undefined, usual: string) {
  if (answers.launcher === "pilot") return planForPilots(file);
  if (file === undefined) {
    const settings = existsSync(usual) ? readSlurmConf(usual).settings : [];
    const lines = neededLines(answers, settings);
    const shown = lines.map((line) => `\n  ${line}`).join("");
    const text =
      lines.length === 0
        ? `${usual} has all the lines that Gleaner needs.`
        : `Add to slurm.conf (or let --write-slurm-conf PATH do it):${shown}`;
    return { text, write: () => undefined };
  }
  const { text, settings } = readSlurmConf(file);
  const lines = neededLines(answers, settings);
  const named = lines.find((line) => line.startsWith("Prolog="))?.slice("Prolog=".length);
  // A pattern, such as /etc/slurm/prolog.d/*, is as good as its folder.
  const existing = named?.replace(/\/[^/]*[*?[].*$/, "");
  if (answers.prolog !== null && existing !== undefined && !existsSync(existing))
    throw new GleanerError(
      "CONFIG",
      `${file} has no Prolog=, and this machine has no ${named}, without which Slurm would drain every node: give --prolog none, or the path of a prolog that exists`,
    );
  if (answers.launcher === "local" && !existsSync(hook))
    throw new GleanerError(
      "CONFIG",
      `${hook} is missing, and without it Slurm would drain this node: install gleaner-node first`,
    );
  const backup = `${file}.before-glean-setup`;
  const write = () => {
    const isFirst = blockOf(text) === null;
    if (isFirst) copyFile(file, backup);
    try {
      replaceFile(file, lines.length === 0 ? withoutBlock(text) : withBlock(text, lines));
    } catch (cause) {
      if (isFirst) removeFile(backup);
      throw cause;
    }
  };
  return { text: `${file} has the lines of Gleaner; ${backup} is as it was before.`, write };
}

const hook = "/usr/libexec/gleaner/glean-prolog";

function planForPilots(file: string | undefined) {
  if (file !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      "glean setup cannot write slurm.conf for pilots, because the tiers of the site's partitions belong to it: add the lines of slurm.conf.pilots by hand (see docs/operating/pilots.md)",
    );
  return { text: "Add the lines of slurm.conf.pilots to slurm.conf.", write: () => undefined };
}

function stepsOf({ launcher }: Answers, address: string, key: string): string[] {
  const restart =
    "Bring slurm.conf to all nodes, then: systemctl restart slurmctld; on each node: systemctl restart slurmd";
  const install = "On each node: apt install ./gleaner-node_*.deb";
  const wake = `echo wake=${address}:829 >>/etc/gleaner/hook.conf`;
  const clients = "On login nodes: apt install ./gleaner-client_*.deb, and copy gleaner.yaml there";
  const doctor = "glean doctor";
  if (launcher === "pilot") return [install, restart, clients, doctor];
  if (launcher === "local") return [wake, "systemctl restart slurmctld slurmd", doctor];
  return [
    `${install}; add ${key}.pub to root's authorized_keys`,
    "ssh-keyscan NODES >>/etc/ssh/ssh_known_hosts, and compare the keys",
    ...[`On each node: ${wake}`, restart, clients, doctor],
  ];
}

/** Takes out what setUp wrote, and nothing else. Returns what to print. */
export function undo({
  configFile,
  programFolder,
}: Pick<Places, "configFile" | "programFolder">): string {
  requireOwn(configFile);
  const text = textOf(configFile);
  const before = remembered(text);
  if (before === null) return `Nothing to undo: ${configFile} has nothing from glean setup.\n`;
  const said = [endService(programFolder)];
  if (before.slurmConf !== undefined) said.push(restoreSlurmConf(before.slurmConf));
  if (before.key === "made") removeKey(configFile);
  // Last, so that an undo that failed can be run again.
  const rest = withoutBlock(text);
  if (rest === "") removeFile(configFile);
  else replaceFile(configFile, rest);
  said.push(`${configFile} is as it was before glean setup.`);
  return said.map((line) => `${line}\n`).join("");
}

function restoreSlurmConf(file: string): string {
  if (!existsSync(file)) return `${file} does not exist any more.`;
  const rest = withoutBlock(textOf(file));
  replaceFile(file, rest);
  const backup = `${file}.before-glean-setup`;
  const left = existsSync(backup) && textOf(backup) !== rest;
  if (!left) removeFile(backup);
  const note = left ? ` (other lines have changed since ${backup} was made, which stays)` : "";
  return `${file} is without Gleaner's lines${note}: bring it to all nodes, and run scontrol reconfigure before you remove gleaner-node anywhere.`;
}
