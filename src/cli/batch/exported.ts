// Reads `--export`, the environment of a submission, as sbatch does.

import { GleanerError } from "../../model/errors.js";
import { maxEnvironmentBytes } from "../../sdk/client.js";
import { quoted } from "../values.js";

/** Variables that every shell needs; NONE and a list leave out all others but Slurm's and ours. */
const basics = ["PATH", "HOME", "USER", "SHELL", "LOGNAME"];
const isAlwaysKept = (name: string): boolean => name.startsWith("SLURM") || name === "GLEANER_CONF";

/**
 * Reads `ALL`, `NONE`, `VAR,VAR2=value` (with the basics), or `ALL,VAR=value`. As sbatch does, it
 * leaves out a named variable that is not set. `login` makes the environment of a login shell from
 * the basics, where one is wanted instead of the shell's. Throws BAD_REQUEST for an invalid name
 * and LIMIT_REACHED if the environment is too large.
 */
export function exportedEnvironment(
  text: string,
  own: Readonly<Record<string, string | undefined>>,
  login: (basics: Readonly<Record<string, string>>) => Record<string, string> | null = () => null,
): Record<string, string> {
  const items = splitItems(text);
  const takesAll = items.some(isAll);
  const chosen = pick(own, takesAll ? Object.keys(own) : basics);
  if (!takesAll) {
    // A login shell sets its own PATH.
    const { PATH: _, ...others } = chosen;
    Object.assign(chosen, login(others), pick(own, Object.keys(own).filter(isAlwaysKept)));
  }
  const isNone = /^(none|nil)$/i.test(text);
  for (const item of isNone ? [] : items.filter((each) => !isAll(each))) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new GleanerError(
        "BAD_REQUEST",
        `--export: invalid variable name ${quoted(name)}: expected ALL, NONE, or VAR and VAR=value separated by commas`,
      );
    if (equals >= 0) chosen[name] = item.slice(equals + 1);
    else Object.assign(chosen, pick(own, [name]));
  }
  checkSize(chosen);
  return chosen;
}

/** Whether a login shell's environment takes the place of the shell's. */
export const takesLogin = (text: string): boolean => !splitItems(text).some(isAll);

const isAll = (item: string): boolean => item.toUpperCase() === "ALL";

/** Splits at commas outside of quotes. As sbatch does, it removes only those around an item. */
function splitItems(text: string): string[] {
  const items = [""];
  let quote: string | null = null;
  for (const each of text) {
    if (quote === null && each === ",") items.push("");
    else items[items.length - 1] += each;
    if (quote === null && (each === "'" || each === '"')) quote = each;
    else if (each === quote) quote = null;
  }
  return items
    .map((item) => /^(["'])(.*)\1$/s.exec(item)?.[2] ?? item)
    .filter((item) => item !== "");
}

function pick(
  own: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = own[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

function checkSize(environment: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(environment))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  if (bytes > maxEnvironmentBytes)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the environment has ${bytes} bytes, above the limit of ${maxEnvironmentBytes}: submit with --export=NONE or name the variables that the script needs`,
    );
}
