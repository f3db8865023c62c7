// The files of the tree as the tidiness rules see them, and how a rule says what is wrong.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";

export interface Source {
  /** From the root, with slashes: `src/core/capacity/plan.ts`. */
  readonly path: string;
  readonly text: string;
  readonly executable: boolean;
}

/** A sentence that begins with `path:line:` and says what to do. */
export type Complaint = string;

export function complain(source: Source, line: number, sentence: string): Complaint {
  return `${source.path}:${line}: ${sentence}`;
}

/** What others made: packages, built files, recordings of real programs, pictures. */
const foreignFolder = /^(node_modules|dist|build|\.git|demo-out|recorded)$/;
/** `.git` is a file in a second worktree. */
const foreignFile = /^(\.git|package-lock\.json|.*\.(png|woff2|so|o))$/;

/** Every text file of ours below `root`. */
export function readTree(root: string): Source[] {
  const found: Source[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      if (entry.isDirectory() && !foreignFolder.test(entry.name)) visit(full);
      if (!entry.isFile() || foreignFile.test(entry.name)) continue;
      const executable = (statSync(full).mode & 0o111) !== 0;
      found.push({ path: relative(root, full), text: readFileSync(full, "utf8"), executable });
    }
  };
  visit(root);
  return found;
}

export const isTypeScript = ({ path }: Source): boolean => path.endsWith(".ts");
export const isIn = (folder: string) => (source: Source) => source.path.startsWith(`${folder}/`);

/**
 * Calls `visit` for every node of a TypeScript or JavaScript source, with the node's line counted
 * from 1.
 */
export function walk(source: Source, visit: (node: ts.Node, line: number) => void): void {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  const descend = (node: ts.Node): void => {
    visit(node, lineOf(file, node.getStart(file)));
    ts.forEachChild(node, descend);
  };
  ts.forEachChild(file, descend);
}

export function lineOf(file: ts.SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line + 1;
}
