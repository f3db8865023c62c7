// Looks up the system's users in its directories (files, LDAP, SSSD) through getent and id, and
// keeps the answers for a minute.

import { monotonicMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import { remember } from "../../model/remember.js";
import { userShape } from "../../model/user.js";
import { asBuffer, type ProgramEnd, type RunProgram, runAsChild } from "../../processes/run.js";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly shell: string;
}

/** A network directory answers within milliseconds; a hung one must not delay requests. */
const lookupTimeoutMs = 5_000;
/** Enough for a group of all users, whose line lists them. */
const maxOutputBytes = 8 * 1024 * 1024;
/** Enough for the sentence that an error quotes. */
const maxErrorBytes = 4_096;
/** An administrator's changes take effect within this time. */
const keptMs = 60_000;
/** The most users that ask within keptMs on a large site. */
const maxKept = 10_000;
/** getent's exit status for an unknown key. */
const notFound = 2;

interface Kept<T> {
  readonly answer: Promise<T>;
  readonly untilMs: number;
}

/** Every method rejects with UNREACHABLE if the directories do not answer. */
export class Accounts {
  private readonly run: Run;
  private readonly accounts = new Map<string, Kept<Account | null>>();
  private readonly groups = new Map<string, Kept<readonly string[]>>();
  private readonly slurmAccounts = new Map<string, Kept<readonly string[]>>();

  /** `sacctmgr` is Slurm's program, found in PATH unless given as a path. */
  constructor(
    private readonly sacctmgr = "sacctmgr",
    runProgram: RunProgram = runAsChild,
  ) {
    this.run = runnerOf(runProgram);
  }

  /** null if no directory knows the name. */
  async byName(name: string): Promise<Account | null> {
    return userShape.test(name) ? kept(this.accounts, name, () => lookUp(name, this.run)) : null;
  }

  byUid(uid: number): Promise<Account | null> {
    return kept(this.accounts, String(uid), () => lookUp(String(uid), this.run));
  }

  /** The names of all groups of a user. */
  groupsOf({ name }: Account): Promise<readonly string[]> {
    return kept(this.groups, name, async () => {
      // Separated by zeros, because a group's name may contain spaces.
      const { output } = await this.run("id", ["-G", "-n", "-z", "--", name]);
      return output.split("\0").filter((group) => group !== "");
    });
  }

  /** The name of a group as the directories have it; null if they have no such group. */
  async groupNamed(name: string): Promise<string | null> {
    const { output, status } = await this.run("getent", ["group", "--", name], notFound);
    return status === notFound ? null : (output.split(":")[0] ?? null);
  }

  /** The number of a user's own group. */
  async gidOf({ name }: Account): Promise<number> {
    const { output } = await this.run("id", ["-g", "--", name]);
    return Number(output);
  }

  /**
   * The Slurm accounts that the user may charge, from Slurm's accounting, which stores users by
   * name.
   */
  slurmAccountsOf({ name }: Account): Promise<readonly string[]> {
    return kept(this.slurmAccounts, name, () => slurmAccounts(this.sacctmgr, name, this.run));
  }

  /** Whether Slurm's accounting has the account. */
  async hasSlurmAccount(name: string): Promise<boolean> {
    if (!plainName.test(name)) return false;
    const args = ["--noheader", "--parsable2", "show", "account", "where", `name=${name}`];
    const { output } = await this.run(this.sacctmgr, [...args, "format=Account"]);
    return output.split("\n").includes(name);
  }
}

/** sacctmgr parses its arguments as conditions, separated by commas and quotes. */
const plainName = /^[A-Za-z0-9._@$+-]+$/;

/** Failures are not cached: the next request tries again. */
function kept<T>(memory: Map<string, Kept<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const found = memory.get(key);
  if (found !== undefined && found.untilMs > monotonicMs()) return found.answer;
  const answer = ask();
  remember(memory, key, { answer, untilMs: monotonicMs() + keptMs }, maxKept);
  answer.catch(() => memory.delete(key));
  return answer;
}

async function slurmAccounts(sacctmgr: string, name: string, run: Run): Promise<readonly string[]> {
  if (!plainName.test(name)) return [];
  const args = ["--noheader", "--parsable2", "show", "associations", `where`, `user=${name}`];
  const { output } = await run(sacctmgr, [...args, "format=Account"]);
  return output.split("\n").filter((account) => account !== "");
}

async function lookUp(key: string, run: Run): Promise<Account | null> {
  const { output, status } = await run("getent", ["passwd", "--", key], notFound);
  if (status === notFound) return null;
  const [name, , uid, , , , shell] = output.split("\n")[0]!.split(":");
  if (name === undefined || !/^\d+$/.test(uid ?? "") || shell === undefined)
    throw new GleanerError(
      "UNREACHABLE",
      `getent passwd ${key} returned a line that does not describe a user`,
    );
  return { name, uid: Number(uid), shell };
}

/** Runs a program; rejects unless it exits with 0 or `allowed`. */
type Run = (
  program: string,
  args: readonly string[],
  allowed?: number,
) => Promise<{ readonly output: string; readonly status: number }>;

const runnerOf =
  (runProgram: RunProgram): Run =>
  async (program, args, allowed = 0) => {
    const end = await runProgram({
      program,
      args,
      environment: null,
      input: "",
      timeoutMs: lookupTimeoutMs,
      maxOutputBytes,
      maxErrorBytes,
    });
    if (end.how === "exited" && (end.exitCode === 0 || end.exitCode === allowed))
      return { output: asBuffer(end.stdout).toString("utf8"), status: end.exitCode };
    throw new GleanerError(
      "UNREACHABLE",
      `${program} could not look up a name (${reasonOf(end)}): check the controller's user directories (nsswitch.conf) and Slurm's accounting`,
    );
  };

function reasonOf(end: ProgramEnd): string {
  switch (end.how) {
    case "exited":
      return (
        asBuffer(end.stderr).toString("utf8").trim().split("\n")[0] ||
        `it exited with status ${end.exitCode}`
      );
    case "late":
      return `it did not answer within ${lookupTimeoutMs / 1_000} s`;
    case "tooMuch":
      return `it wrote more than ${maxOutputBytes} bytes`;
    case "killed":
      return `it was killed by ${end.signal}`;
    case "notStarted":
      return end.reason;
  }
}
