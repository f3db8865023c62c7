// Reads the value of --dependency as sbatch does: `afterok:42:43,after:44+5`, `singleton`, `42`.

import { GleanerError } from "../../../model/errors.js";
import type { Condition, Schedule } from "../../../model/invocation.js";
import { quoted } from "../../values.js";

type Dependency = NonNullable<Schedule["dependency"]>;

const kinds: Readonly<Record<string, Condition["kind"]>> = {
  after: "after",
  afterany: "afterany",
  afterok: "afterok",
  afternotok: "afternotok",
  aftercorr: "aftercorr",
  /** Gleaner has no burst buffers, so that what it waits for comes with the end. */
  afterburstbuffer: "afterany",
};
const minuteMs = 60_000;

/** null for an empty list, which takes a dependency back. */
export function parseDependency(text: string, where: string): Dependency | null {
  const wrong = (why: string): GleanerError =>
    new GleanerError("BAD_REQUEST", `${where}: invalid dependency ${quoted(text)}: ${why}`);
  if (text === "") return null;
  const any = text.includes("?");
  if (any && text.includes(",")) throw wrong("separate conditions by , or by ?, and not by both");
  const on = text.split(any ? "?" : ",").flatMap((part): Condition[] => {
    if (part.toLowerCase() === "singleton") return [{ kind: "singleton" }];
    const [word, ...ids] = /^\d/.test(part) ? ["afterany", ...part.split(":")] : part.split(":");
    const kind = kinds[word!.toLowerCase()];
    if (kind === undefined)
      throw wrong("expected after, afterok, afternotok, afterany, aftercorr or singleton");
    if (ids.length === 0) throw wrong(`write the id of an invocation after ${word}:`);
    return ids.map((id) => conditionOf(kind, id, wrong));
  });
  return { any, on };
}

function conditionOf(
  kind: Condition["kind"],
  text: string,
  wrong: (why: string) => GleanerError,
): Condition {
  const match = /^([1-9]\d{0,9}(?:_\d{1,9})?)(?:_\*)?(?:\+(\d{1,6}))?$/.exec(text);
  if (match === null) throw wrong(`${quoted(text)} is no id: expected 42 or 42_7`);
  const [, of, minutes] = match;
  if (minutes !== undefined && kind !== "after")
    throw wrong(`only after takes minutes, as in after:${of}+${minutes}`);
  return {
    kind,
    of: of!,
    ...(minutes !== undefined && { delayMs: Math.min(Number(minutes) * minuteMs, 2 ** 31 - 1) }),
  };
}
