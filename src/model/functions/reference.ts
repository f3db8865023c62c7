// References to functions, `[owner/]name[@alias-or-version]`: how users name what they call.

import { GleanerError } from "../errors.js";
import { type VersionId, versionId } from "../ids.js";
import { userShape } from "../user.js";

/** A function as a user names it. */
export interface FunctionRef {
  /** A user's name or uid; null: the caller. */
  readonly owner: string | null;
  readonly name: string;
  readonly selector: VersionSelector;
}

/** Which version: the one that an alias points to, or the only one whose hash begins so. */
export type VersionSelector =
  | { readonly kind: "alias"; readonly alias: string }
  | { readonly kind: "version"; readonly prefix: string };

/** The alias that each deploy moves to its version. */
export const latest = "latest";

const nameShape = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
export const nameRule = "1 to 64 letters, digits, dots, dashes and underscores";
const versionShape = /^[0-9a-f]{64}$/;
/** Shorter ones might be words, and would soon be ambiguous. */
const minPrefix = 8;
const prefixShape = new RegExp(`^[0-9a-f]{${minPrefix},64}$`);
/** As `git log --oneline` shortens them, with room for thousands of versions. */
const shownDigits = 12;

export const isFunctionName = (text: string): boolean => nameShape.test(text);

/** An alias must not look like the beginning of a version. */
export const isAlias = (text: string): boolean => nameShape.test(text) && !prefixShape.test(text);

/** A version as listings show it; it is also a prefix that selects the version. */
export const shownVersion = (version: VersionId): string => version.slice(0, shownDigits);

/** Reads `tile`, `tile@prod`, `ada/tile` or `ada/tile@3f2a9c01`; throws BAD_REQUEST. */
export function parseFunctionRef(text: string): FunctionRef {
  const slash = text.indexOf("/");
  const owner = slash < 0 ? null : text.slice(0, slash);
  const rest = text.slice(slash + 1);
  // An owner's name may contain @, a function's may not.
  const at = rest.indexOf("@");
  const name = at < 0 ? rest : rest.slice(0, at);
  const selected = at < 0 ? latest : rest.slice(at + 1);
  const wrong = (why: string) =>
    new GleanerError(
      "BAD_REQUEST",
      `invalid function "${shortened(text)}": ${why}; expected NAME, NAME@ALIAS, NAME@VERSION or OWNER/NAME`,
    );
  if (owner !== null && !userShape.test(owner))
    throw wrong(`"${shortened(owner)}" is not a user's name or uid`);
  if (!isFunctionName(name))
    throw wrong(`"${shortened(name)}" is not a function's name (${nameRule})`);
  const selector = selectorOf(selected);
  if (selector === null)
    throw wrong(
      `"${shortened(selected)}" is neither an alias (${nameRule}) nor a version's first digits`,
    );
  return { owner, name, selector };
}

function selectorOf(text: string): VersionSelector | null {
  if (prefixShape.test(text)) return { kind: "version", prefix: text };
  return isAlias(text) ? { kind: "alias", alias: text } : null;
}

/** What parseFunctionRef() reads. */
export function showFunctionRef({ owner, name, selector }: FunctionRef): string {
  const selected = selector.kind === "alias" ? selector.alias : selector.prefix;
  const at = selected === latest ? "" : `@${selected}`;
  return `${owner === null ? "" : `${owner}/`}${name}${at}`;
}

/** Reads a version's full hash; null if the text is not one. */
export const parseVersionId = (text: string): VersionId | null =>
  versionShape.test(text) ? versionId(text) : null;

/** Without control characters, and no longer than a message has room for. */
const shortened = (text: string): string => text.slice(0, 80).replace(/\p{C}/gu, "?");
