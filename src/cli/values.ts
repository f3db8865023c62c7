// The values of options: times, memory, counts, arrays and ids from text, as sbatch and its family read them.

import { GleanerError } from "../model/errors.js";
import { maxListed, maxNamedIds } from "../sdk/index.js";

/** As many as one answer can list; the site's own limit (functions.maxArrayTasks) is usually lower. */
export const maxArrayTasks = maxListed;
/** Slurm's own highest task number. */
const maxArrayTaskId = 4_000_000;
/** Milliseconds travel as 32-bit integers: 24 days, far above any function. */
const maxDurationMs = 2_147_483_647;
/** 1 PiB: beyond any node, and safe in every sum. */
const maxMemoryMb = 1024 * 1024 * 1024;
/** Beyond any node, too. */
const maxCores = 65_535;
const maxGpus = 64;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

/** `30` (minutes), `MM:SS`, `HH:MM:SS`, `D-HH[:MM[:SS]]`, or `500ms`, `20s`, `5m`, `1h`: in milliseconds, above 0. */
export function parseDuration(text: string, where: string): number {
  const ms = durationOf(text);
  if (ms === null)
    throw bad(
      `${where}: ${quoted(text)} is no time: write minutes, MM:SS, HH:MM:SS, D-HH:MM:SS, or a number with ms, s, m or h`,
    );
  if (ms === 0 || ms > maxDurationMs)
    throw bad(
      `${where}: the time limit must be above 0 and at most ${maxDurationMs} ms: leave it out for the site's default`,
    );
  return ms;
}

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: secondMs,
  m: minuteMs,
  h: hourMs,
};

function durationOf(text: string): number | null {
  const suffixed = /^(\d{1,12})(ms|s|m|h)$/.exec(text);
  if (suffixed !== null) return Number(suffixed[1]) * units[suffixed[2]!]!;
  const withDays = /^(\d{1,6})-(\d{1,6})(?::(\d{1,6}))?(?::(\d{1,6}))?$/.exec(text);
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

/** `512`, `512M`, `2G`, `1T`, `100K`: in MB, rounded up, above 0. */
export function parseMemoryMb(text: string, where: string): number {
  const match = /^(\d{1,15})([KMGT]?)B?$/i.exec(text);
  if (match === null || (match[2] === "" && /b$/i.test(text)))
    throw bad(`${where}: ${quoted(text)} is no amount of memory: write a number with K, M, G or T`);
  const factor = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[match[2]!.toUpperCase() || "M"]!;
  const memoryMb = Math.ceil(Number(match[1]) * factor);
  if (memoryMb === 0)
    throw bad(`${where}: a function cannot be given all memory of a node: name an amount`);
  if (memoryMb > maxMemoryMb)
    throw bad(`${where}: ${quoted(text)} is more than any node has: ask for less`);
  return memoryMb;
}

/** A whole number of cores, above 0. */
export function parseCores(text: string, where: string): number {
  const cores = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (cores < 1 || cores > maxCores)
    throw bad(`${where}: ${quoted(text)} is no number of cores: write 1 to ${maxCores}`);
  return cores;
}

/** A whole number of GPUs; a type before it (`a100:2`) is refused, since holes do not know types. */
export function parseGpus(text: string, where: string): number {
  const gpus = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(gpus <= maxGpus))
    throw bad(
      `${where}: ${quoted(text)} is no number of GPUs: write 0 to ${maxGpus}, without a type`,
    );
  return gpus;
}

/** `gpu`, `gpu:2`, `none`: how many GPUs. */
export function parseGres(text: string, where: string): number {
  if (/^(none|0)$/i.test(text)) return 0;
  const match = /^(?:gres[:/])?gpu(?::(\d{1,4}))?$/.exec(text);
  if (match === null)
    throw bad(
      `${where}: ${quoted(text)} cannot be had: write gpu:N; other resources and types need sbatch`,
    );
  return parseGpus(match[1] ?? "1", where);
}

/** `0-7`, `1,3,5`, `0-15:4` and mixtures: ascending, each number once, at most maxArrayTasks of them. */
export function parseArray(text: string, where: string): number[] {
  if (text.includes("%"))
    throw bad(
      `${where}: there is no limit on tasks at once yet: write the array without ${quoted(text.slice(text.indexOf("%")))}`,
    );
  return expandNumbers(text, where);
}

/** The numbers that a list of ranges names; the count is bounded before anything is expanded. */
function expandNumbers(text: string, where: string): number[] {
  const wrong = bad(
    `${where}: ${quoted(text)} is no list of task numbers: write 0-7, 1,3,5 or 0-15:4`,
  );
  let count = 0;
  const ranges = text.split(",").map((item) => {
    const match = /^(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?$/.exec(item);
    if (match === null) throw wrong;
    const from = Number(match[1]);
    const to = Number(match[2] ?? from);
    const step = Number(match[3] ?? 1);
    if (to < from || step < 1) throw wrong;
    if (to > maxArrayTaskId)
      throw bad(`${where}: task numbers end at ${maxArrayTaskId}: ${to} is above`);
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

/** The shortest list of ranges that names ascending numbers: the inverse of an array's text. */
export function formatNumbers(ascending: readonly number[]): string {
  const parts: string[] = [];
  for (let start = 0; start < ascending.length; ) {
    let end = start;
    while (ascending[end + 1] === ascending[end]! + 1) end++;
    parts.push(start === end ? `${ascending[start]}` : `${ascending[start]}-${ascending[end]}`);
    start = end + 1;
  }
  return parts.join(",");
}

/** `42`, `42_7`, `42_[1-5,9]`, several with commas between: one text for each id. */
export function parseIds(texts: readonly string[]): string[] {
  const ids: string[] = [];
  for (const item of texts.flatMap((text) => text.split(/,(?![^[]*\])/))) {
    const match = /^([1-9]\d{0,9})(?:_(?:(\d{1,9})|\[([^\]]+)\]))?$/.exec(item);
    if (match === null)
      throw bad(`${quoted(item)} is no id: write 42, or 42_7 or 42_[1-5] for tasks of an array`);
    const [, job, task, list] = match;
    if (list !== undefined)
      for (const each of expandNumbers(list, item)) ids.push(`${job}_${each}`);
    else ids.push(task === undefined ? job! : `${job}_${Number(task)}`);
    if (ids.length > maxNamedIds)
      throw bad(
        `more than ${maxNamedIds} ids were named: name a whole array by its number alone, or take fewer`,
      );
  }
  return ids;
}

/** `42` or `42_7`, one of them. */
export function parseId(text: string): string {
  const ids = parseIds([text]);
  if (ids.length !== 1) throw bad(`${quoted(text)} names several: write one id, 42 or 42_7`);
  return ids[0]!;
}

/** Text from the user in a sentence: short, and without control characters. */
export const quoted = (text: string): string =>
  `"${[...text.slice(0, 60)].map((each) => (each < " " || each === "\x7f" ? "?" : each)).join("")}"`;
