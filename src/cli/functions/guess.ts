// Guesses the runtime of a function from its files, as a person would who looks at them.

import type { SourceEntry } from "../../bundle/pack.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionRuntime } from "../../model/functions/settings.js";

export interface Guess {
  readonly runtime: FunctionRuntime;
  /** The file that suggests it. */
  readonly because: string;
}

const kinds: readonly { readonly runtime: FunctionRuntime; readonly shape: RegExp }[] = [
  { runtime: "node", shape: /\.[cm]?js$/ },
  { runtime: "python", shape: /\.py$/ },
  { runtime: "native", shape: /\.so$/ },
];
/** The names under which the runtimes look for a handler. */
const usual = /^(index|handler|function|main)\./;

/**
 * By the handler's file if it is named, else by the files in the folder's top: one with a usual
 * name, or the only kind. Throws BAD_REQUEST if they tell nothing, or several things.
 */
export function guessRuntime(entries: readonly SourceEntry[], handler: string | null): Guess {
  const top = entries.filter(({ name }) => !name.includes("/"));
  const named = handler?.split(":")[0];
  const asNamed = entries.filter(({ name }) => name === named);
  // Without a file, a handler names a symbol or a module.
  if (asNamed.length === 0 && named !== undefined && kinds.some(({ shape }) => shape.test(named)))
    throw bad(
      `there is no file ${named}, which the handler ${handler} names: name one that is there`,
    );
  const chosen = asNamed.length === 0 ? top : asNamed;
  const guesses = chosen.flatMap(guessesFor);
  const favourites = guesses.filter(({ because }) => usual.test(because));
  for (const some of [favourites, guesses]) {
    const [first] = some;
    if (first !== undefined && some.every(({ runtime }) => runtime === first.runtime)) return first;
  }
  const seen = [...new Set(guesses.map(({ because }) => because))].slice(0, 3).join(", ");
  throw bad(
    seen === ""
      ? `the files do not tell the runtime: ${adviceFor(top)}`
      : `the files suggest several runtimes (${seen}): ${giveRuntime}`,
  );
}

const giveRuntime = "give --runtime node, python, native or exec";

function adviceFor(top: readonly SourceEntry[]): string {
  const typed = top.find(({ name }) => /\.[cm]?ts$/.test(name));
  return typed === undefined ? giveRuntime : `compile ${typed.name} to JavaScript first`;
}

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

function guessesFor(entry: SourceEntry): Guess[] {
  const { name } = entry;
  const found = kinds.find(({ shape }) => shape.test(name));
  if (found !== undefined) return [{ runtime: found.runtime, because: name }];
  const isProgram = entry.kind === "file" && entry.executable;
  return isProgram ? [{ runtime: "exec", because: name }] : [];
}
