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

function bash({ commands }: CommandText): string {
  const cases = commands.map((each) => {
    const words = [...each.commands.map(nameOf), ...each.options.flatMap(wordsOf)];
    return `    ${nameOf(each)}) words="${words.join(" ")}" ;;`;
  });
  return `${head} Source it, or copy it to bash-completion's folder as glean.
_glean() {
  local words word=\${COMP_WORDS[COMP_CWORD]}
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  [ "$COMP_CWORD" -gt 1 ] || words="${commands.map(nameOf).join(" ")} --help --version"
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _glean glean
`;
}

function zsh({ commands }: CommandText): string {
  const quoted = (text: string) => text.replace(/['\\[\]:]/g, "");
  const cases = commands.map((each) => {
    const options = each.options.flatMap((option) =>
      wordsOf(option).map((word) => `'${word}[${quoted(option.description)}]'`),
    );
    return `    ${nameOf(each)}) _arguments ${options.join(" ")} '*:file:_files' ;;`;
  });
  const names = commands.map((each) => `'${nameOf(each)}:${quoted(each.summary)}'`);
  return `#compdef glean
${head} Copy it to a folder of fpath.
local -a names=(${names.join(" ")})
if (( CURRENT == 2 )); then
  _describe command names
else
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
fi
`;
}

function fish({ commands }: CommandText): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`;
  const lines = commands.flatMap((each) => {
    const name = nameOf(each);
    const options = each.options.map((option) => {
      const words = wordsOf(option).map((word) =>
        word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      );
      const condition = `-n '__fish_seen_subcommand_from ${name}'`;
      return `complete -c glean ${condition} ${words.join(" ")} -d ${quoted(option.description)}`;
    });
    const itself = `complete -c glean -n __fish_use_subcommand -f -a ${name} -d ${quoted(each.summary)}`;
    return [itself, ...options];
  });
  return `${head} Copy it to ~/.config/fish/completions.\n${lines.join("\n")}\n`;
}
