// A ratchet on length: no function or file above its limit, except listed ones, which may only
// shrink.

import ts from "typescript";
import { type Complaint, complain, lineOf, type Source } from "./source.js";

/** What fits a screen. */
export const maxFunctionLines = 60;
/** Tests are tables of cases; C says in ten lines what TypeScript says in five. */
const maxFileLines = [
  { of: /^test\//, lines: 450 },
  { of: /\.[ch]$/, lines: 400 },
  { of: /\.(ts|mjs|sh)$|^scripts\//, lines: 300 },
];

/** Something longer than its limit, and how long. */
export interface Excess {
  /** `path`, or `path functionName`. */
  readonly what: string;
  readonly lines: number;
  readonly complaint: Complaint;
}

export function findExcesses(source: Source): Excess[] {
  const excesses: Excess[] = [];
  const limit = maxFileLines.find(({ of }) => of.test(source.path))?.lines;
  const lines = source.text.split("\n").length - 1;
  if (limit !== undefined && lines > limit)
    excesses.push({
      what: source.path,
      lines,
      complaint: complain(
        source,
        1,
        `has ${lines} lines, ${limit} is the most: split it by subject`,
      ),
    });
  for (const { name, line, lines } of functionsOf(source))
    if (lines > maxFunctionLines)
      excesses.push({
        what: `${source.path} ${name}`,
        lines,
        complaint: complain(
          source,
          line,
          `${name} has ${lines} lines, ${maxFunctionLines} is the most: take a part out that has a name`,
        ),
      });
  return excesses;
}

/**
 * Compares excesses with the listed exceptions (`what` → lines): complains about new or grown ones,
 * and about listed ones that have shrunk or are gone.
 */
export function ratchet(
  excesses: readonly Excess[],
  exceptions: Readonly<Record<string, number>>,
): Complaint[] {
  const grown = excesses.filter(({ what, lines }) => lines > (exceptions[what] ?? 0));
  const found = new Map(excesses.map(({ what, lines }) => [what, lines]));
  const slack = Object.entries(exceptions).flatMap(([what, lines]) => {
    const now = found.get(what);
    if (now === undefined) return [`${what}: is within its limit now: remove the exception`];
    return now < lines ? [`${what}: has ${now} lines now: lower its exception from ${lines}`] : [];
  });
  return [...grown.map(({ complaint }) => complaint), ...slack];
}

interface FunctionExtent {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

function functionsOf(source: Source): FunctionExtent[] {
  if (/\.[ch]$/.test(source.path)) return functionsOfC(source.text);
  return /\.(ts|mjs)$/.test(source.path) ? functionsOfScript(source) : [];
}

function functionsOfScript(source: Source): FunctionExtent[] {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  const extents: FunctionExtent[] = [];
  const descend = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body && !isTestGroup(node)) {
      const line = lineOf(file, node.getStart(file));
      extents.push({ name: nameOf(node), line, lines: lineOf(file, node.end) - line + 1 });
    }
    ts.forEachChild(node, descend);
  };
  descend(file);
  return extents;
}

/** A `describe(…)` holds tests as a file does. */
function isTestGroup({ parent }: ts.Node): boolean {
  return ts.isCallExpression(parent) && /^describe/.test(parent.expression.getText());
}

function nameOf(node: ts.Node): string {
  const named = node as { readonly name?: ts.Node };
  const { parent } = node;
  if (named.name) return named.name.getText();
  if (ts.isConstructorDeclaration(node)) return "constructor";
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)
    ? parent.name.getText()
    : "a function without a name";
}

/**
 * In our C a function's body ends with a brace at the start of a line, and nothing else of that
 * size does.
 */
function functionsOfC(text: string): FunctionExtent[] {
  const lines = text.split("\n");
  const extents: FunctionExtent[] = [];
  let start: { name: string; index: number } | null = null;
  for (const [index, line] of lines.entries()) {
    const name = /^[a-zA-Z][\w\s*]*?\b(\w+)\(/.exec(line)?.[1];
    if (name !== undefined && !line.endsWith(";")) start = { name, index };
    else if (/^\S.*;$/.test(line)) start = null;
    if (line === "}" && start !== null) {
      extents.push({ name: start.name, line: start.index + 1, lines: index - start.index + 1 });
      start = null;
    }
  }
  return extents;
}
