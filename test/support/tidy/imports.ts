// Which folder of src/ may import which: the design's table, checked on every kind of import.

import { posix } from "node:path";
import ts from "typescript";
import { type Complaint, complain, type Source, walk } from "./source.js";

const everyFolder = [
  "model",
  "bundle",
  "core",
  "processes",
  "slurm",
  "launch",
  "store",
  "wire",
  "executor",
  "runtimes",
  "workers",
  "local",
  "daemon",
  "sdk",
  "cli",
  "report",
  "sim",
  "limits",
] as const;
type Folder = (typeof everyFolder)[number];
/** The two files that lie in src/ itself are parts like the folders. */
type Part = Folder | "clock" | "config";

/** A part may always import from itself. Nothing else is allowed than what stands here. */
export const allowedImports: Readonly<Record<Part, readonly Part[]>> = {
  model: [],
  bundle: ["model"],
  core: ["model"],
  processes: ["model"],
  slurm: ["core", "model", "processes", "clock"],
  launch: ["core", "bundle", "model", "limits", "processes", "clock"],
  store: ["core", "model", "clock"],
  wire: ["model", "bundle", "clock"],
  workers: ["model", "wire", "clock"],
  local: ["model", "bundle", "core", "wire", "workers", "clock"],
  executor: ["model", "bundle", "wire", "workers", "clock"],
  runtimes: ["model", "wire", "clock"],
  sdk: ["model", "bundle", "wire", "config", "clock"],
  cli: ["sdk", "bundle", "report", "sim", "local", "model", "config", "clock"],
  sim: ["core", "model", "clock"],
  report: ["model", "core", "clock"],
  daemon: [
    ...everyFolder.filter((folder) => !["cli", "local", "runtimes", "workers"].includes(folder)),
    "config",
    "clock",
  ],
  config: ["model"],
  limits: ["model", "clock"],
  clock: [],
};

/** Parts that do no I/O: neither Node's modules nor packages, but these, which are pure. */
const purePackages: Partial<Record<Part, readonly string[]>> = {
  model: ["zod"],
  core: ["flatqueue"],
};

/** Parts that load what users wrote, by names that nobody knows before. */
const loadsUsersModules: readonly Part[] = ["runtimes"];

/** Complaints about the imports of one file of src/. */
export function checkImports(source: Source): Complaint[] {
  const from = partOf(source.path);
  if (from === null)
    return [complain(source, 1, "is in no known part of src/: add it to allowedImports")];
  const complaints: Complaint[] = [];
  for (const { name, line } of importsOf(source)) {
    const problem = name.startsWith(".")
      ? problemWithPart(from, posix.join(posix.dirname(source.path), name))
      : problemWithPackage(from, name);
    if (problem !== null) complaints.push(complain(source, line, problem));
  }
  return complaints;
}

/** An import as it is written. */
interface Written {
  readonly name: string;
  readonly line: number;
}

/** Several rules ask, and a file is parsed once. */
const known = new WeakMap<Source, readonly Written[]>();

/** What a file imports. */
export function importsOf(source: Source): readonly Written[] {
  const earlier = known.get(source);
  if (earlier !== undefined) return earlier;
  const found: Written[] = [];
  known.set(source, found);
  walk(source, (node, line) => {
    const name = importedBy(node);
    if (name !== null) found.push({ name, line });
  });
  return found;
}

/**
 * The module that an import names: static, dynamic, of types, re-exported or required; "" when it
 * is computed.
 */
function importedBy(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node))
    return node.moduleSpecifier ? textOf(node.moduleSpecifier) : null;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : "";
  if (ts.isExternalModuleReference(node)) return textOf(node.expression);
  if (!ts.isCallExpression(node)) return null;
  const { expression } = node;
  const loads =
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === "require");
  return loads ? textOf(node.arguments[0]) : null;
}

function textOf(node: ts.Node | undefined): string {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : "";
}

function problemWithPart(from: Part, path: string): string | null {
  const to = partOf(path);
  if (to === null)
    return `imports ${path}, which is outside of src/: move what is needed into src/`;
  if (to === from || allowedImports[from].includes(to)) return null;
  const known = allowedImports[from].join(", ") || "nothing";
  return `${from} imports ${to}, but may import only ${known}: pass the thing in, or move it`;
}

function problemWithPackage(from: Part, name: string): string | null {
  if (name === "" && loadsUsersModules.includes(from)) return null;
  if (name === "") return "imports a computed name: write it out, so that it can be checked";
  const pure = purePackages[from];
  if (pure === undefined || pure.includes(name)) return null;
  return `${from} imports ${name}, but does no I/O: let a port do it, or pass the value in`;
}

function partOf(path: string): Part | null {
  const name = /^src\/([a-z]+)(?:\/|\.[jt]s$)/.exec(path)?.[1];
  return name !== undefined && Object.hasOwn(allowedImports, name) ? (name as Part) : null;
}
