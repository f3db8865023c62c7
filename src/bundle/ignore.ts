// Which files of a folder stay out of its bundle: a few that no program needs, and those that match
// the lines of .gleanerignore, in the notation of .gitignore.

export const ignoreFile = ".gleanerignore";

/** Histories, caches and environments: a line with `!` in .gleanerignore takes them in again. */
export const ignoredAlways: readonly string[] = [
  ".git",
  ".hg",
  ".svn",
  "__pycache__",
  "*.pyc",
  ".venv",
  ".tox",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  ".ipynb_checkpoints",
  "node_modules/.cache",
  ".DS_Store",
  `/${ignoreFile}`,
  "/function.yaml",
];

/** Whether a path in the folder stays out; paths are relative and have no leading slash. */
export type Ignore = (path: string, isFolder: boolean) => boolean;

interface Rule {
  readonly shape: RegExp;
  readonly onlyFolders: boolean;
  readonly ignores: boolean;
}

/** The lines are those of .gleanerignore; the last rule that matches decides. */
export function ignoreBy(lines: readonly string[]): Ignore {
  const rules = [...ignoredAlways, ...lines].flatMap(ruleOf);
  return (path, isFolder) =>
    rules.findLast(({ shape, onlyFolders }) => (isFolder || !onlyFolders) && shape.test(path))
      ?.ignores ?? false;
}

/** None for a comment or an empty line. */
function ruleOf(line: string): Rule[] {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return [];
  const ignores = !text.startsWith("!");
  const pattern = ignores ? text : text.slice(1);
  const onlyFolders = pattern.endsWith("/");
  const path = pattern.replace(/^\//, "").replace(/\/$/, "");
  // As in git: a slash at the beginning or in the middle ties a pattern to the folder's top.
  const anywhere = pattern.startsWith("/") || path.includes("/") ? "" : "(?:.*/)?";
  return [{ shape: new RegExp(`^${anywhere}${expressionOf(path)}$`, "s"), onlyFolders, ignores }];
}

/** `**` between slashes stands for any number of folders, `*` and `?` for parts of one name. */
function expressionOf(pattern: string): string {
  const parts = pattern.split(/(\*\*\/|\/\*\*$|\*\*|\*|\?)/);
  const words: Readonly<Record<string, string>> = {
    "**/": "(?:.*/)?",
    "/**": "/.*",
    "**": "[^/]*",
    "*": "[^/]*",
    "?": "[^/]",
  };
  return parts.map((part) => words[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("");
}
