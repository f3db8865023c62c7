// Parses the values of options as Slurm's commands do: times, memory, counts, arrays and ids.

import { constants } from "node:os";
import { GleanerError } from "../model/errors.js";
import { unlimitedMs } from "../model/invocation.js";
import { maxGpus } from "../model/resources.js";
import { maxNamedIds } from "../sdk/client.js";

/** The site's limit (functions.maxArrayTasks) may be lower. */
export const maxArrayTasks = 1_000_000;
/** Slurm's highest task number. */
const maxArrayTaskId = 4_000_000;
/** 1 PiB: beyond any node, and safe in every sum. */
const maxMemoryMb = 1024 * 1024 * 1024;
/** More cores or tasks than any node has. */
const maxCount = 65_535;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

/**
 * Reads a limit of --time: as a duration; `UNLIMITED`, `INFINITE`, 0 and -1 are the longest. A span
 * that cannot be told, as in `30-0`, is as long as can be: gleanerd says what the site allows.
 */
export function parseTimeLimit(text: string, where: string): number {
  if (/^(unlimited|infinite|0[0:-]*|-1)$/i.test(text)) return unlimitedMs;
  return (durationOf(text) ?? 0) > unlimitedMs ? unlimitedMs - 1 : parseDuration(text, where);
}

/** Reads minutes, `MM:SS`, `HH:MM:SS`, `D-HH[:MM[:SS]]`, `500ms`, `20s`, `5m` or `1h`; above 0. */
export function parseDuration(text: string, where: string): number {
  const ms = durationOf(text);
  if (ms === null)
    throw bad(
      `${where}: invalid time ${quoted(text)}: expected minutes, MM:SS, HH:MM:SS, D-HH:MM:SS, or numbers with ms, s, m, h or d, such as 1h30m`,
    );
  if (ms === 0 || ms > unlimitedMs)
    throw bad(
      `${where}: invalid time ${quoted(text)}: expected above 0 and at most 596h; if omitted, the site's default applies`,
    );
  return ms;
}

/** As people write them: `90s`, `1h30m`, `2 hours`. */
const units: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, secondMs],
  [/^(m|mins?|minutes?)$/, minuteMs],
  [/^(h|hrs?|hours?)$/, hourMs],
  [/^(d|days?)$/, dayMs],
];

function spelledOut(text: string): number | null {
  if (!/^(\s*\d{1,12}(\.\d{1,3})?\s*[a-z]{1,12})+\s*$/i.test(text)) return null;
  let ms = 0;
  for (const [, number, word] of text.matchAll(/([\d.]+)\s*([a-z]+)/gi)) {
    const unit = units.find(([name]) => name.test(word!.toLowerCase()));
    if (unit === undefined) return null;
    ms += Number(number) * unit[1];
  }
  return Math.ceil(ms);
}

function durationOf(text: string): number | null {
  const spelled = spelledOut(text);
  if (spelled !== null) return spelled;
  const withDays = /^(\d{1,6})-(?:(\d{1,6})(?::(\d{1,6}))?(?::(\d{1,6}))?)?$/.exec(text);
  if (withDays !== null) {
    const [days, hours, minutes, seconds] = numbers(withDays);
    return days! * dayMs + hours! * hourMs + minutes! * minuteMs + seconds! * secondMs;
  }
  const plain = /^(\d{1,9})(?::(\d{1,6}))?(?::(\d{1,6}))?$/.exec(text);
  if (plain === null) return null;
  const [first, second, third] = numbers(plain);
  return plain[3] === undefined
    ? first! * minuteMs + second! * secondMs
    : first! * hourMs + second! * minuteMs + third! * secondMs;
}

const numbers = (match: RegExpExecArray): number[] =>
  match.slice(1).map((part) => Number(part ?? 0));

/** Whether a size is 0, sbatch's word for all memory of a node. */
export const asksForAllMemory = (text: string): boolean => /^0+([KMGT]B?)?$/i.test(text);

/** Reads `512`, `512M`, `2G`, `1T` or `100K` as MB, rounded up, above 0. */
export function parseMemoryMb(text: string, where: string): number {
  const match = /^(\d{1,15})([KMGT]?)B?$/i.exec(text);
  if (match === null || (match[2] === "" && /b$/i.test(text)))
    throw bad(`${where}: invalid memory size ${quoted(text)}: expected a number with K, M, G or T`);
  const factor = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[match[2]!.toUpperCase() || "M"]!;
  const memoryMb = Math.ceil(Number(match[1]) * factor);
  if (memoryMb === 0)
    throw bad(`${where}: a function cannot have all memory of a node: request an amount above 0`);
  if (memoryMb > maxMemoryMb)
    throw bad(`${where}: no node has ${quoted(text)} of memory: request less`);
  return memoryMb;
}

export const parseCores = (text: string, where: string): number => parseCount(text, where, "cores");
export const parseTasks = (text: string, where: string): number => parseCount(text, where, "tasks");

/** Reads a whole number, above 0, in the forms of C. */
function parseCount(text: string, where: string, what: string): number {
  const count = /^[ \t]*\+?\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > maxCount)
    throw bad(`${where}: invalid number of ${what} ${quoted(text)}: expected 1 to ${maxCount}`);
  return count;
}

/** GPUs of one type; null: of any. */
export interface AskedGpus {
  readonly gpus: number;
  readonly type: string | null;
}

/** Reads a number of GPUs of one type or of any: `2`, `a100:2`, `a100`. */
export function parseGpus(text: string, where: string): AskedGpus {
  const match = /^(?:([A-Za-z][\w.-]{0,99})(?::|$))?(\d{1,4})?$/.exec(text);
  const [, type = null, count] = match ?? [];
  const gpus = match === null || text === "" ? Number.NaN : Number(count ?? 1);
  if (!(gpus <= maxGpus))
    throw bad(
      `${where}: invalid number of GPUs ${quoted(text)}: expected 0 to ${maxGpus}, or one type as in a100:2`,
    );
  return { gpus, type };
}

/** Generic resources of a node; `asked` is null if none of them are GPUs. */
export interface AskedGres {
  readonly gpus: AskedGpus | null;
  readonly counts: Readonly<Record<string, number>>;
}

/** Slurm's units of counts, in powers of 1024. */
const gresUnits = ["", "K", "M", "G", "T"];
const maxGresCount = 2 ** 31 - 1;

/** Reads `gpu`, `gpu:2`, `gpu:a100:2,nvme:1` or `none`. */
export function parseGres(text: string, where: string): AskedGres {
  if (/^(none|0)$/i.test(text)) return { gpus: { gpus: 0, type: null }, counts: {} };
  let gpus: AskedGpus | null = null;
  const counts = new Map<string, number>();
  for (const item of text.split(",")) {
    const [, name, rest] = /^(?:gres[:/])?([A-Za-z]\w{0,63})(?:[:=](.+))?$/.exec(item) ?? [];
    if (name === "gpu" && gpus === null) gpus = parseGpus(rest ?? "1", where);
    else if (name !== undefined && !/^(gpu|shard|mps)$/.test(name) && !counts.has(name))
      counts.set(name, gresCountOf(rest ?? "1", where, item));
    else
      throw bad(
        `${where}: invalid value ${quoted(text)}: expected whole GPUs as gpu:N or gpu:TYPE:N, or NAME:N of another resource, each once`,
      );
  }
  return { gpus, counts: Object.fromEntries(counts) };
}

function gresCountOf(text: string, where: string, item: string): number {
  const [, digits, unit = ""] = /^(\d{1,10})([KMGT]?)$/i.exec(text) ?? [];
  const count = Number(digits) * 1024 ** gresUnits.indexOf(unit.toUpperCase());
  if (count >= 1 && count <= maxGresCount) return count;
  throw bad(
    `${where}: invalid number of a resource ${quoted(item)}: expected NAME:N with N from 1 to ${maxGresCount} (only GPUs are told apart by type)`,
  );
}

/**
 * Reads `0-7`, `[0-7]`, `1,3,5`, `0-15:4` as at most maxArrayTasks ascending numbers, and the most
 * that run at once, as in `0-99%5`. As for sbatch, %0 and % alone set no limit.
 */
export function parseArray(
  given: string,
  where: string,
): { readonly numbers: number[]; readonly mostRunning: number | null } {
  const [, listed, most] = /^\[?([^[\]%]*)\]?(?:%(\d{0,9}))?\]?$/.exec(given) ?? [];
  const mostRunning = Number(most ?? 0);
  return {
    numbers: expandNumbers(listed ?? given, where),
    mostRunning: mostRunning === 0 ? null : mostRunning,
  };
}

/** Expands a list of ranges, after checking how many numbers it names. */
function expandNumbers(text: string, where: string): number[] {
  const wrong = bad(
    `${where}: invalid task numbers ${quoted(text)}: expected 0-7, 1,3,5 or 0-15:4`,
  );
  let count = 0;
  // As for sbatch, blanks before a number and empty items are nothing.
  const items = text.split(",").filter((item) => item !== "");
  if (items.length === 0) throw wrong;
  const ranges = items.map((item) => {
    const match = /^\s*(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?$/.exec(item);
    if (match === null) throw wrong;
    const from = Number(match[1]);
    const to = Number(match[2] ?? from);
    const step = Number(match[3] ?? 1);
    if (to < from || step < 1) throw wrong;
    if (to > maxArrayTaskId)
      throw bad(`${where}: task number ${to} is too large: use at most ${maxArrayTaskId}`);
    count += Math.floor((to - from) / step) + 1;
    if (count > maxArrayTasks)
      throw bad(
        `${where}: ${quoted(text)} names more than ${maxArrayTasks} tasks: split it into several arrays`,
      );
    return { from, to, step };
  });
  const tasks = new Set<number>();
  for (const { from, to, step } of ranges)
    for (let task = from; task <= to; task += step) tasks.add(task);
  return [...tasks].sort((a, b) => a - b);
}

/** Formats ascending numbers as ranges, and evenly spaced ones as Slurm does: `1-999:2`. */
export function formatNumbers(ascending: readonly number[]): string {
  const [first, second] = ascending;
  const step = (second ?? 0) - (first ?? 0);
  const isEven = ascending.every((each, at) => each === first! + at * step);
  if (ascending.length > 2 && step > 1 && isEven) return `${first}-${ascending.at(-1)}:${step}`;
  const parts: string[] = [];
  for (let start = 0; start < ascending.length; ) {
    let end = start;
    while (ascending[end + 1] === ascending[end]! + 1) end++;
    parts.push(start === end ? `${ascending[start]}` : `${ascending[start]}-${ascending[end]}`);
    start = end + 1;
  }
  return parts.join(",");
}

/** Expands `42`, `42_7` and `42_[1-5,9]`, separated by commas, into ids. */
export function parseIds(texts: readonly string[], most: number = maxNamedIds): string[] {
  const ids: string[] = [];
  for (const item of texts.flatMap((text) => text.split(/,(?![^[]*\])/))) {
    const match = /^([1-9]\d{0,9})(?:_(?:(\d{1,9})|\[([^\]]+)\]))?$/.exec(item);
    if (match === null)
      throw bad(
        `invalid id ${quoted(item)}: expected 42, or 42_7 or 42_[1-5] for tasks of an array`,
      );
    const [, job, task, list] = match;
    if (list !== undefined)
      for (const each of expandNumbers(list, item)) ids.push(`${job}_${each}`);
    else ids.push(task === undefined ? job! : `${job}_${Number(task)}`);
    if (ids.length > most)
      throw bad(`more than ${most} ids named: name a whole array by its number, or name fewer`);
  }
  return ids;
}

/** Reads exactly one id, `42` or `42_7`. */
export function parseId(text: string): string {
  const ids = parseIds([text]);
  if (ids.length !== 1) throw bad(`${quoted(text)} names several ids: expected one, 42 or 42_7`);
  return ids[0]!;
}

/** Reads USR1, SIGUSR1, usr1 or 10; null if there is no such signal. */
export function signalNumber(text: string): number | null {
  const name = text.toUpperCase().replace(/^(SIG)?/, "SIG");
  const known: Readonly<Record<string, number | undefined>> = constants.signals;
  const number = /^\d{1,3}$/.test(text) ? Number(text) : known[name];
  return number === undefined || number < 1 || number > 64 ? null : number;
}

/** Quotes text from the user for a message, shortened and without control characters. */
export const quoted = (text: string): string =>
  `"${[...text.slice(0, 60)].map((each) => (each < " " || each === "\x7f" ? "?" : each)).join("")}"`;
