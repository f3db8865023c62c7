// Habits of this code base: one source of time, no loose types, silent libraries, files that say
// what they are.

import ts from "typescript";
import { type Complaint, complain, type Source, walk } from "./source.js";

/** Whether a file of src/ may print. */
const mayPrint = /^src\/(cli|report)\//;

/** Reading the clock, loose types, #names and printing, in one file of src/. */
export function checkCode(source: Source): Complaint[] {
  const complaints: Complaint[] = [];
  walk(source, (node, line) => {
    const say = (sentence: string) => complaints.push(complain(source, line, sentence));
    if (source.path !== "src/clock.ts" && readsClock(node))
      say("reads the clock itself: use src/clock.ts, or take the time as a value");
    if (node.kind === ts.SyntaxKind.AnyKeyword)
      say("has the type any: name the type, or use unknown and look at it");
    if (ts.isPrivateIdentifier(node)) say("has a #name: write private, as everywhere");
    if (isMember(node, "console") && !mayPrint.test(source.path))
      say("prints: log through pino, or return the text");
  });
  return complaints;
}

function readsClock(node: ts.Node): boolean {
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) {
    const isDate = ts.isIdentifier(node.expression) && node.expression.text === "Date";
    if (isDate && (ts.isCallExpression(node) || !node.arguments?.length)) return true;
  }
  return (
    isMember(node, "Date", "now") ||
    isMember(node, "performance") ||
    isMember(node, "process", "hrtime") ||
    isMember(node, "process", "uptime")
  );
}

/** `object.member`, or any member of `object`; `globalThis.object.member` too. */
function isMember(node: ts.Node, object: string, member?: string): boolean {
  if (!ts.isPropertyAccessExpression(node)) return false;
  if (member !== undefined && node.name.text !== member) return false;
  const { expression } = node;
  if (ts.isIdentifier(expression)) return expression.text === object;
  return ts.isPropertyAccessExpression(expression) && expression.name.text === object;
}

/** Words are put together here, so that the rules do not find themselves. */
const forbidden: readonly { readonly what: RegExp; readonly sentence: string }[] = [
  {
    what: new RegExp(`(^|[\\s"'\`=:(,])/(${["work", "tmp/notes"].join("|")})/`),
    sentence: "names a folder of one machine: make it an option or find it at run time",
  },
  {
    what: new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME"].join("|")})\\b`),
    sentence: "leaves work behind: do it, or open an issue and say what holds until then",
  },
  {
    what: new RegExp(`@ts-${"(ignore|nocheck|expect-error)"}`),
    sentence: "silences the type checker: mend the types",
  },
];

/** What no file of the tree may hold. */
export function checkText(source: Source): Complaint[] {
  return source.text
    .split("\n")
    .flatMap((line, index) =>
      forbidden
        .filter(({ what }) => what.test(line))
        .map(({ sentence }) => complain(source, index + 1, sentence)),
    );
}

/**
 * A source opens with a comment, after the line that names its interpreter, and the comment is a
 * sentence.
 */
export function checkOpening(source: Source): Complaint[] {
  const text = source.text.replace(/^#!.*\n/, "");
  const comment =
    /^(?:[ \t]*(?:\/\/|#|--).*\n)+/.exec(text)?.[0] ?? /^\/\*[\s\S]*?\*\//.exec(text)?.[0] ?? "";
  if (/[A-Za-z][^.:]{8,}[.:]/.test(comment)) return [];
  return [complain(source, 1, "does not say what it is: open it with a comment of one sentence")];
}

/**
 * A program can be started, and other files cannot. src/ is bundled, so its shebangs are for the
 * bundles.
 */
export function checkMode(source: Source): Complaint[] {
  if (source.path.startsWith("src/")) return [];
  const isProgram = source.text.startsWith("#!");
  if (isProgram && !source.executable)
    return [complain(source, 1, `cannot be started: run "chmod +x ${source.path}"`)];
  if (!isProgram && source.executable)
    return [complain(source, 1, `is no program: run "chmod -x ${source.path}"`)];
  if (!isProgram && /^(scripts|\.ci)\/[^./]+$/.test(source.path))
    return [complain(source, 1, "is named like a program: begin it with #! and its interpreter")];
  return [];
}
