// Finds mutants that the compiler already rejects: those say nothing about the tests.

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { type Mutant, root } from "./sandbox.js";

/** An emptied block uses less; that alone is not an error. */
const tolerant: ts.CompilerOptions = { noUnusedLocals: false, noUnusedParameters: false };

export class Compiler {
  /** As they are now: the checkout may change while mutants are tested. */
  readonly #texts: ReadonlyMap<string, string>;
  readonly #changed = new Map<string, { readonly text: string; readonly version: string }>();
  readonly #service: ts.LanguageService;
  #versions = 0;

  constructor(files: readonly string[]) {
    this.#texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const settings = { ...options, ...tolerant };
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => settings,
      getCurrentDirectory: () => root,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => files.map((file) => join(root, file)),
      getScriptVersion: (path) => this.#changed.get(relative(root, path))?.version ?? "0",
      getScriptSnapshot: (path) => {
        const file = relative(root, path);
        const text =
          this.#changed.get(file)?.text ?? this.#texts.get(file) ?? ts.sys.readFile(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      readFile: ts.sys.readFile,
      fileExists: ts.sys.fileExists,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      realpath: ts.sys.realpath!,
    });
  }

  /**
   * The mutants that compile, each checked only in its own file; as many at once as there are
   * different files.
   */
  compiling(mutants: readonly Mutant[]): Mutant[] {
    const rounds: Mutant[][] = [];
    const perFile = new Map<string, number>();
    for (const mutant of mutants) {
      const round = perFile.get(mutant.file) ?? 0;
      perFile.set(mutant.file, round + 1);
      rounds[round] ??= [];
      rounds[round].push(mutant);
    }
    const compiling = new Set(rounds.flatMap((round) => this.#compilingAtOnce(round)));
    return mutants.filter((mutant) => compiling.has(mutant));
  }

  #compilingAtOnce(mutants: readonly Mutant[]): Mutant[] {
    this.#changed.clear();
    for (const { file, start, end, replacement } of mutants) {
      const text = this.#texts.get(file)!;
      const mutated = text.slice(0, start) + replacement + text.slice(end);
      this.#changed.set(file, { text: mutated, version: String(++this.#versions) });
    }
    return mutants.filter(({ file }) => {
      const path = join(root, file);
      return (
        this.#service.getSyntacticDiagnostics(path).length === 0 &&
        this.#service.getSemanticDiagnostics(path).length === 0
      );
    });
  }
}
