// `glean show`: prints an invocation and its attempts in the style of `scontrol show job`, or what
// a call answered or printed.

import { GleanerError } from "../../../model/errors.js";
import { namesArray } from "../../../model/ids.js";
import {
  type Attempt,
  displayId,
  type Invocation,
  type Notice,
  wordsOf,
} from "../../../model/invocation.js";
import type { GleanerClient, InvocationDetail } from "../../../sdk/index.js";
import { answerLine, printAnswer } from "../../calls/answer.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { exitOf } from "../../formats/sacct.js";
import { complain, json, print, printable, readable } from "../../output.js";
import { parseId } from "../../values.js";
import { formatElapsed, formatWhen } from "../../when.js";

const help = `
Examples:
  glean show 42                          an invocation and its attempts
  glean show 42 --answer                 the result of a call
  glean show 42_7 --log                  what a call of a map printed
  glean show job 42                      as scontrol show job prints it`;

export const define: Define = (command, run) => {
  command
    .usage("[options] ID | job [ID...] | node [NODE...] | function [NAME...]")
    .argument("<id>", "42 or 42_7; or job, node or function, to print those as scontrol does")
    .argument("[names...]", "after job, node or function")
    .option("-o, --oneliner", "one line for each of them")
    .option("--answer", "the result of a call; of a map, a line of JSON for each answer")
    .option("--log", "what a call printed in its last attempt")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(show));
};

interface Options {
  readonly json?: boolean;
  readonly answer?: boolean;
  readonly log?: boolean;
  readonly oneliner?: boolean;
}

async function show(
  context: Context,
  text: string,
  names: string[],
  options: Options,
): Promise<number> {
  const what = /^(jobs?|nodes?|functions?)$/.exec(text)?.[0];
  if (what !== undefined)
    return (await import("../../slurm/scontrol.js")).scontrol(context, [
      ...(options.oneliner ? ["--oneliner"] : []),
      ...["show", what, ...names],
    ]);
  if (names.length > 0)
    throw new GleanerError("BAD_REQUEST", `show one id, or write show job ${text} ${names[0]}`);
  const id = parseId(text);
  const client = await context.client();
  if (options.answer && options.log)
    throw new GleanerError("BAD_REQUEST", "give --answer or --log, and not both");
  if (options.log) {
    const { text, isOver } = await client.callLog(id);
    print(readable(text));
    if (!isOver) complain(`note: ${id} has not ended: this is what it has printed so far`);
    return exitStatus.done;
  }
  const detail = await client.detail(id);
  if (options.answer) return showAnswer(client, id, detail, options);
  if (options.json) print(json(detail));
  else print([...invocationLines(detail), ...detail.attempts.map(attemptLine), ""].join("\n"));
  return exitStatus.done;
}

async function showAnswer(
  client: GleanerClient,
  id: string,
  { invocation }: InvocationDetail,
  options: Options,
): Promise<number> {
  if (namesArray(id, invocation)) return showAnswers(client, id);
  const { state, reason } = invocation;
  const { answer } = await client.answer(id);
  return printAnswer(client, { id, state, reason, answer }, options.json === true);
}

async function showAnswers(client: GleanerClient, id: string): Promise<number> {
  let failed = 0;
  for (let after: number | null = -1; after !== null; ) {
    const { answers, next } = await client.answers(id, after);
    for (const { task, answer } of answers) {
      if (answer.kind !== "result") failed++;
      print(`${await answerLine(client, id, task, answer)}\n`);
    }
    after = next;
  }
  return failed > 0 ? exitStatus.failed : exitStatus.done;
}

function invocationLines({ invocation, submission }: InvocationDetail): string[] {
  const { owner, command } = { ...invocation, command: submission.command };
  const words = command.kind === "argv" ? command.argv : [`(${command.kind})`, ...wordsOf(command)];
  const tasks = { ArrayJobId: invocation.arrayJobId, ArrayTaskId: invocation.arrayTaskId };
  const stdout = submission.stdoutPattern ?? "(default)";
  return [
    line({ JobId: displayId(invocation), JobName: invocation.name }),
    `   ${line({ UserId: `${owner.user}(${owner.uid})`, GroupId: owner.gid })}`,
    ...(invocation.arrayJobId === null ? [] : [`   ${line(tasks)}`]),
    `   ${line({ JobState: invocation.state, Reason: invocation.reason ?? "None" })}`,
    `   ${line({ ExitCode: exitOf(invocation), Attempts: invocation.attempt })}`,
    `   ${line({ SubmitTime: formatWhen(invocation.submittedAtMs) })}`,
    `   ${line({ StartTime: formatWhen(invocation.startedAtMs), EndTime: formatWhen(invocation.endedAtMs) })}`,
    `   ${line({ NodeList: invocation.node ?? "(null)", NumCPUs: invocation.cores, MemoryMb: invocation.memoryMb, Gpus: invocation.gpus, TimeLimitMs: invocation.timeLimitMs })}`,
    ...measuredLines(invocation),
    ...(command.kind === "call"
      ? [`   ${line({ Function: command.function, Version: command.version })}`]
      : [
          `   ${line({ Command: words.join(" ") })}`,
          ...noticeLines(submission.notice ?? null),
          `   ${line({ WorkDir: submission.workingDirectory })}`,
          `   ${line({ StdErr: submission.stderrPattern ?? stdout, StdOut: stdout })}`,
        ]),
  ];
}

/** What its last attempt used; nothing before its end. */
const measuredLines = ({ cpuMs, maxRssMb }: Invocation): string[] =>
  cpuMs === null ? [] : [`   ${line({ CpuMs: cpuMs, MaxRssMb: maxRssMb })}`];

const noticeLines = (notice: Notice | null): string[] =>
  notice === null
    ? []
    : [
        `   ${line({ Signal: `${notice.mainOnly ? "B:" : ""}${notice.signal}@${notice.leadMs / 1_000}` })}`,
      ];

const attemptLine = (attempt: Attempt): string =>
  `   ${line({
    Attempt: attempt.number,
    State: attempt.state,
    Node: attempt.node,
    StartTime: formatWhen(attempt.startedAtMs),
    EndTime: formatWhen(attempt.endedAtMs),
    Elapsed: attempt.wallMs === null ? "Unknown" : formatElapsed(attempt.wallMs),
    Executor: attempt.executor,
    ...(attempt.reason !== null && { Reason: attempt.reason }),
  })}`;

const line = (pairs: Readonly<Record<string, string | number | null>>): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${key}=${printable(String(value))}`)
    .join(" ");
