// The options of `glean batch` that say when an invocation may start, on which nodes, and who is
// told what of it.

import { nowMs } from "../../../clock.js";
import { GleanerError } from "../../../model/errors.js";
import type { Mail, Submission } from "../../../model/invocation.js";
import { parseConstraint } from "../../../model/slurm/constraint.js";
import { mailAddresses } from "../../../model/user.js";
import { parseWhen } from "../../parse-when.js";
import { parseMemoryMb, quoted } from "../../values.js";
import { parseDependency } from "./dependency.js";
import { type BatchOption, type BatchSettings, flag, valued } from "./option.js";

/** gleanerd's limits. */
const maxRetries = 100;
const maxComment = 1_024;

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

export const termOptions: readonly BatchOption[] = [
  valued(
    "dependency",
    "d",
    "LIST",
    "start after others: afterok:42,afterany:43:44, singleton; ? for any of them",
    (to, value, at) => {
      const parsed = parseDependency(value, at);
      if (parsed !== null) to.schedule = { ...to.schedule, dependency: parsed };
    },
  ),
  valued(
    "kill-on-invalid-dep",
    null,
    "yes|no",
    "cancel it once its dependency can never be satisfied",
    (to, value, at) => {
      if (!/^(yes|no)$/i.test(value)) throw bad(`${at}: ${quoted(value)}: expected yes or no`);
      to.endIfNever = /^yes$/i.test(value);
    },
  ),
  valued("comment", null, "TEXT", "words for listings", (to, value) => {
    to.comment = value.slice(0, maxComment);
  }),
  valued("mail-type", null, "EVENTS", "mails at BEGIN, END, FAIL, ALL; ARRAY_TASKS", setMail),
  valued("mail-user", null, "USER", "who gets the mails (default: you)", setMailTo),
  valued("begin", "b", "TIME", "not before: 18:00, now+1hour, 2030-01-31", (to, value, at) => {
    to.schedule = { ...to.schedule, beginAtMs: parseWhen(value, at, nowMs(), "future") };
  }),
  valued("deadline", null, "TIME", "cancel it if it cannot end by then", (to, value, at) => {
    to.schedule = { ...to.schedule, deadlineAtMs: parseWhen(value, at, nowMs(), "future") };
  }),
  flag("hold", "H", "do not start before glean release", (to) => {
    to.schedule = { ...to.schedule, held: true };
  }),
  {
    ...valued(
      "retries",
      null,
      "N",
      "run it again, at most N times, if it fails",
      (to, value, at) => {
        if (!/^\d{1,3}$/.test(value) || Number(value) > maxRetries)
          throw bad(`${at}: invalid value ${quoted(value)}: expected a number up to ${maxRetries}`);
        to.schedule = { ...to.schedule, retries: Number(value) };
      },
    ),
    since: "Gleaner",
  },
  flag("no-requeue", null, "an eviction ends it: one attempt at most", (to) => {
    to.schedule = { ...to.schedule, once: true };
  }),
  {
    ...valued("exclusive", null, "WHAT", "all cores of a node", (to, value, at) => {
      if (!/^(|user|mcs|topo)$/i.test(value))
        throw bad(`${at}: ${quoted(value)}: expected nothing, user, mcs or topo after it`);
      // With a value it keeps others' jobs away, and not other work of the user's.
      if (value === "") to.where = { ...to.where, exclusive: true };
    }),
    takes: "optionalValue",
  },
  valued("constraint", "C", "FEATURES", "features of the node: a&b, a|b", setConstraint),
  valued("nodelist", "w", "NODE", "only on this node", (to, value, at) => {
    if (/[,[\]]/.test(value))
      throw bad(`${at}: ${quoted(value)} names several nodes, and a function runs on one`);
    to.where = { ...to.where, node: nodeNames(value, at) };
  }),
  valued("tmp", null, "SIZE", "space for temporary files, as in 20G", (to, value, at) => {
    if (!/^0+([KMGT]B?)?$/i.test(value))
      to.where = { ...to.where, temporaryMb: parseMemoryMb(value, at) };
  }),
  valued("exclude", "x", "NODES", "on none of these: n1,n[3-5]", (to, value, at) => {
    to.where = { ...to.where, exclude: nodeNames(value, at) };
  }),
];

const mailEvents: Readonly<Record<string, Mail["on"]>> = {
  BEGIN: ["begin"],
  END: ["end"],
  FAIL: ["fail"],
  ALL: ["begin", "end", "fail"],
};
/** Evictions are frequent, and time limits short: nobody is told of them. */
const silentEvents = /^(NONE|REQUEUE|INVALID_DEPEND|STAGE_OUT|TIME_LIMIT(_[589]0)?|ARRAY_TASKS)$/;

function setMail(to: BatchSettings, value: string, where: string): void {
  const words = value.toUpperCase().split(",").filter(Boolean);
  const wrong = words.filter((word) => mailEvents[word] === undefined && !silentEvents.test(word));
  if (wrong.length > 0 && wrong.length === words.length)
    throw bad(
      `${where}: invalid event ${quoted(wrong[0]!)}: expected NONE, BEGIN, END, FAIL or ALL`,
    );
  // sbatch passes over such words beside one that it knows.
  if (wrong.length > 0)
    to.notes = [...to.notes, `no mails are sent at ${wrong.map(quoted).join(", ")} of ${where}`];
  const on = [...new Set(words.flatMap((word) => mailEvents[word] ?? []))];
  to.mail = on.length === 0 ? null : { on, eachTask: words.includes("ARRAY_TASKS") };
}

/** A script runs with a wrong address, too: nobody gets a mail then. */
function setMailTo(to: BatchSettings, value: string, where: string): void {
  const isAddress = mailAddresses.test(value);
  to.mailTo = isAddress ? value : nobody;
  if (!isAddress && value !== "")
    to.notes = [...to.notes, `no mails are sent: ${where} ${quoted(value)} is no address`];
}
const nobody = "";

function setConstraint(to: BatchSettings, value: string, where: string): void {
  if (value === "") return;
  const parsed = parseConstraint(value);
  if (typeof parsed === "string")
    throw bad(`${where}: ${quoted(value)}: ${parsed}: write features with & and |`);
  to.where = { ...to.where, constraint: value };
}

function nodeNames(value: string, where: string): string {
  if (value.includes("/"))
    throw bad(`${where}: ${quoted(value)} is a file: write the names of the nodes themselves`);
  if (!/^[A-Za-z0-9._,[\]-]+$/.test(value))
    throw bad(`${where}: invalid nodes ${quoted(value)}: expected names such as n1 or n[3-5]`);
  return value;
}

/** The parts of a submission that these options make; what is said of a dependency needs one. */
export function termsOf(
  settings: BatchSettings,
): Partial<Pick<Submission, "schedule" | "where" | "mail" | "comment">> {
  const { schedule, where, endIfNever, mail, mailTo, comment } = settings;
  const { dependency, ...others } = schedule;
  const full =
    dependency !== undefined && endIfNever
      ? { ...others, dependency: { ...dependency, endIfNever } }
      : schedule;
  return {
    ...(Object.keys(full).length > 0 && { schedule: full }),
    ...(Object.keys(where).length > 0 && { where }),
    ...(comment !== "" && { comment }),
    ...(mail !== null &&
      mailTo !== nobody && { mail: { ...mail, ...(mailTo !== null && { to: mailTo }) } }),
  };
}
