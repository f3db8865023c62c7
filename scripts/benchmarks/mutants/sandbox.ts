// A copy of the checkout in a temporary folder, with every mutant of the measured rooms in its
// code, each behind a switch.

import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Instrumenter } from "@stryker-mutator/instrumenter";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
const leftOut = new Set(["node_modules", ".git", "dist", "build", "demo-out"]);

/** One small change of the program. */
export interface Mutant {
  /** The name of its switch. */
  readonly id: string;
  readonly room: string;
  /** From the root: `src/core/capacity/plan.ts`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The position in the file's text, from 0. */
  readonly start: number;
  readonly end: number;
  readonly mutator: string;
  readonly original: string;
  readonly replacement: string;
}

const silent = () => undefined;
const noLog = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
};

export interface Sandbox {
  readonly folder: string;
  readonly mutants: readonly Mutant[];
  /** Stops counting which mutants are reached, because that takes time. */
  stopCounting(): void;
  remove(): void;
}

/** The beginning of the code that Stryker adds to each file. */
const counter = "function stryCov_9fa48() {";

export async function makeSandbox(rooms: readonly string[]): Promise<Sandbox> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-mutants-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    chmodSync(folder, 0o755); // functions run as other users
    cpSync(root, folder, { recursive: true, filter: (path) => !leftOut.has(basename(path)) });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const mutants = await plant(folder, rooms);
    const stopCounting = () => {
      for (const file of new Set(mutants.map(({ file }) => join(folder, file))))
        writeFileSync(file, readFileSync(file, "utf8").replace(counter, `${counter} return;`));
    };
    return { folder, mutants, stopCounting, remove };
  } catch (thrown) {
    remove();
    throw thrown;
  }
}

/** The TypeScript files below a folder, from the root and in order. */
export function filesBelow(folder: string, ending = ".ts"): string[] {
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

async function plant(folder: string, rooms: readonly string[]): Promise<Mutant[]> {
  const names = rooms.flatMap((room) => filesBelow(join("src", room)));
  const files = names.map((name) => ({
    name,
    mutate: true,
    content: readFileSync(join(root, name), "utf8"),
  }));
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  const planted = await new Instrumenter(noLog).instrument(files, options);
  for (const { name, content } of planted.files) writeFileSync(join(folder, name), content);
  const starts = new Map(files.map(({ name, content }) => [name, lineStarts(content)]));
  return planted.mutants.map(({ id, fileName, location, mutatorName, replacement }) => {
    const offset = ({ line, column }: { line: number; column: number }) =>
      starts.get(fileName)![line]! + column;
    const { content } = files.find(({ name }) => name === fileName)!;
    return {
      id,
      room: fileName.split("/")[1]!,
      file: fileName,
      line: location.start.line + 1,
      column: location.start.column + 1,
      start: offset(location.start),
      end: offset(location.end),
      mutator: mutatorName,
      original: content.slice(offset(location.start), offset(location.end)),
      replacement,
    };
  });
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/**
 * The mutants in an order determined by the seed. A mutant's place depends on its change and not on
 * its line, so that a sample stays nearly the same while code changes elsewhere.
 */
export function shuffled(mutants: readonly Mutant[], seed: number): Mutant[] {
  const seen = new Map<string, number>();
  const ranked = mutants.map((mutant) => {
    const { file, mutator, original, replacement } = mutant;
    const what = JSON.stringify([file, mutator, original, replacement]);
    const occurrence = (seen.get(what) ?? 0) + 1;
    seen.set(what, occurrence);
    const rank = createHash("sha256").update(`${seed} ${occurrence} ${what}`).digest("hex");
    return { mutant, rank };
  });
  return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ mutant }) => mutant);
}
