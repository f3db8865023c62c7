// What glean setup has to know: from its options, or asked on a terminal, each answer checked.

import { createInterface } from "node:readline/promises";
import { GleanerError } from "../../model/errors.js";

export interface Answers {
  readonly launcher: Launcher;
  /** The controller's name or address in the cluster's network. */
  readonly host: string;
  /** A prolog of the site's own that calls ours; null: none. */
  readonly prolog: string | null;
}

const launchers = ["local", "ssh", "pilot"] as const;
export type Launcher = (typeof launchers)[number];

export interface SetupOptions {
  launcher?: string;
  host?: string;
  prolog?: string;
}

interface Question {
  readonly option: keyof SetupOptions;
  readonly text: string;
  readonly usual: string;
  readonly check: (answer: string) => void;
}

const refuse = (sentence: string): never => {
  throw new GleanerError("BAD_REQUEST", sentence);
};

function questions(hostName: string): Question[] {
  return [
    {
      option: "launcher",
      text: "How does gleanerd start executors? local: this machine is the only node; ssh: as root on each node; pilot: as preemptible jobs",
      usual: "ssh",
      check: (answer) =>
        launchers.some((each) => each === answer) ||
        refuse(`invalid launcher '${answer}': expected local, ssh or pilot`),
    },
    {
      option: "host",
      text: "This machine's name in the cluster's network, for nodes and login nodes",
      usual: hostName,
      check: (answer) =>
        /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/.test(answer) ||
        refuse(`invalid host '${answer}': expected a name such as ctl1.cluster, or an address`),
    },
    {
      option: "prolog",
      text: "The site's own prolog, if slurm.conf has one (it has to call glean-prolog); none: there is none",
      usual: "none",
      check: (answer) =>
        answer === "none" ||
        /^\/[^\s"'#\\]+$/.test(answer) ||
        refuse(`invalid prolog '${answer}': expected none, or its path as in slurm.conf`),
    },
  ];
}

/**
 * Takes each answer from its option, else from `before`, the answers of an earlier run; asks for
 * the others if `ask` can, and throws BAD_REQUEST otherwise.
 */
export async function readAnswers(
  options: SetupOptions,
  { hostName, ask, before }: { hostName: string; ask: Ask | null; before: SetupOptions },
): Promise<Answers> {
  const found: SetupOptions = {};
  for (const { option, text, usual, check } of questions(hostName)) {
    const answer =
      options[option] ??
      before[option] ??
      usualWithoutQuestion(option, found) ??
      (ask === null
        ? refuse(`no --${option} given, and this is no terminal to ask on: add it (${text})`)
        : (await ask(`${text} [${usual}]: `)).trim() || usual);
    check(answer);
    found[option] = answer;
  }
  const { launcher, host, prolog } = found as Required<SetupOptions>;
  return { launcher: launcher as Launcher, host, prolog: prolog === "none" ? null : prolog };
}

/** One node needs no name, and pilots need no prolog. A prolog is only the rare site's. */
function usualWithoutQuestion(option: keyof SetupOptions, { launcher }: SetupOptions) {
  if (option === "host" && launcher === "local") return "127.0.0.1";
  return option === "prolog" && launcher === "pilot" ? "none" : undefined;
}

/** Asks one question; the answer may be empty. */
export type Ask = (question: string) => Promise<string>;

/** Runs `work` with a way to ask, if both ends are a terminal. */
export async function withTerminal<T>(work: (ask: Ask | null) => Promise<T>): Promise<T> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return work(null);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await work((question) => terminal.question(question));
  } finally {
    terminal.close();
  }
}
