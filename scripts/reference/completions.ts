// What shells complete after `glean`: the names of commands and their options, for bash, zsh and
// fish.

import type { CommandText, Term } from "./commands.js";

/** The files in configs/completions by their names. */
export const completions = (glean: CommandText): readonly (readonly [string, string])[] => [
  ["glean.bash", bash(glean)],
  ["_glean", zsh(glean)],
  ["glean.fish", fish(glean)],
];

const head = "# Made by scripts/generate.";

/** `-c, --cpus-per-task <N>` has two words. */
const wordsOf = ({ term }: Term): string[] => term.match(/(?<=^|\s)--?[A-Za-z][\w-]*/g) ?? [];

const nameOf = ({ name }: CommandText): string => name.split(" ").at(-1)!;

const optionsOf = ({ options }: CommandText): string[] => options.flatMap(wordsOf);

function bash({ commands }: CommandText): string {
  const all = [...commands.map(nameOf), "--help", "--version"];
  return `${head} Source it, or copy it to bash-completion's folder as glean.
_glean() {
  local words="${all.join(" ")}" word=\${COMP_WORDS[COMP_CWORD]}
${bashLevel(commands, 1)}
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _glean glean
`;
}

/** Sets `words` to those of the command at `depth`, once it is complete. */
function bashLevel(commands: readonly CommandText[], depth: number): string {
  const indent = "  ".repeat(depth);
  const cases = commands.map((each) => {
    const words = `words="${[...each.commands.map(nameOf), ...optionsOf(each)].join(" ")}"`;
    const deeper =
      each.commands.length === 0 ? "" : `\n${bashLevel(each.commands, depth + 1)}\n${indent}`;
    return `${indent}${nameOf(each)}) ${words}${deeper} ;;`;
  });
  return `${indent}[ "$COMP_CWORD" -le ${depth} ] || case \${COMP_WORDS[${depth}]} in
${cases.join("\n")}
${indent}esac`;
}

const zsh = ({ commands }: CommandText): string => `#compdef glean
${head} Copy it to a folder of fpath.
local command
local -a names
${zshLevel(commands, "")}
`;

/** Completes the names of these commands and, with `own`, options, or what follows a command. */
function zshLevel(commands: readonly CommandText[], own: string): string {
  const cases = commands.map((each) => {
    const options = each.options.flatMap((option) =>
      wordsOf(option).map((word) => zshQuoted(`${word}[${zshEscaped(option.description)}]`)),
    );
    const itself = `_arguments ${options.join(" ")}`;
    const isLeaf = each.commands.length === 0;
    return `${nameOf(each)}) ${isLeaf ? `${itself} '*:file:_files'` : zshLevel(each.commands, itself)} ;;`;
  });
  const names = commands.map((each) => zshQuoted(`${nameOf(each)}:${each.summary}`));
  return `if (( CURRENT == 2 )); then
  names=(${names.join(" ")})
  _describe command names${own === "" ? "" : `\n  ${own}`}
else
  command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
fi`;
}

const zshQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const zshEscaped = (text: string): string => text.replace(/[\\[\]:]/g, "\\$&");

function fish({ commands }: CommandText): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`;
  const level = (each: CommandText, above: string): string[] => {
    const name = nameOf(each);
    const seen = `${above}__fish_seen_subcommand_from ${name}`;
    const options = each.options.map((option) => {
      const words = wordsOf(option).map((word) =>
        word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      );
      return `complete -c glean -n '${seen}' ${words.join(" ")} -d ${quoted(option.description)}`;
    });
    const before = above === "" ? "__fish_use_subcommand" : `'${above.replace(/; and $/, "")}'`;
    const itself = `complete -c glean -n ${before} -f -a ${name} -d ${quoted(each.summary)}`;
    const deeper = each.commands.flatMap((inner) => level(inner, `${seen}; and `));
    return [itself, ...options, ...deeper];
  };
  const lines = commands.flatMap((each) => level(each, ""));
  return `${head} Copy it to ~/.config/fish/completions.\n${lines.join("\n")}\n`;
}
