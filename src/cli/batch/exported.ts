// The environment that a submission carries: `--export` as sbatch reads it.

import { GleanerError } from "../../model/errors.js";
import { maxEnvironmentBytes } from "../../sdk/index.js";
import { quoted } from "../values.js";

/** What no shell can do without; everything else of the user's stays behind with NONE or a list. */
const basics = ["PATH", "HOME", "USER", "SHELL", "LOGNAME"];

/**
 * `ALL`, `NONE`, `VAR,VAR2=value` (with the basics), or `ALL,VAR=value`. A variable that is named and not set is left
 * out, as by sbatch. Throws BAD_REQUEST for a name that cannot be, or LIMIT_REACHED for too much.
 */
export function exportedEnvironment(
  text: string,
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const items = splitItems(text);
  const takesAll = items.some((item) => item === "ALL");
  const chosen: Record<string, string> = pick(own, takesAll ? Object.keys(own) : basics);
  const isNone = items.length === 1 && items[0] === "NONE";
  for (const item of isNone ? [] : items.filter((each) => each !== "ALL")) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new GleanerError(
        "BAD_REQUEST",
        `--export: ${quoted(name)} is no name of a variable: write ALL, NONE, VAR or VAR=value with commas between`,
      );
    if (equals >= 0) chosen[name] = item.slice(equals + 1);
    else Object.assign(chosen, pick(own, [name]));
  }
  checkSize(chosen);
  return chosen;
}

/** Splits at commas that stand outside of quotes; the quotes go. */
function splitItems(text: string): string[] {
  const items = [""];
  let quote: string | null = null;
  for (const each of text) {
    if (quote === null && each === ",") items.push("");
    else if (quote === null && (each === "'" || each === '"')) quote = each;
    else if (each === quote) quote = null;
    else items[items.length - 1] += each;
  }
  return items.filter((item) => item !== "");
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
      `the environment has ${bytes} bytes and the limit is ${maxEnvironmentBytes}: submit with --export=NONE or name the variables that are needed`,
    );
}
