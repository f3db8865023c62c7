// The completion of glean for fish.

import { type CommandOffers, list, type Offers, sources } from "./offers.js";

export const fish = (
  glean: CommandOffers,
): string => `# Made by scripts/generate. Copy it to ~/.config/fish/completions.

# The words after glean that name its command, and whether nothing follows them yet.
function __glean_at
    set -l path
    set -l words (commandline -opc)
    set -l skips 0
    for word in $words[2..-1]
        if test $skips = 1
            set skips 0
        else if test "$word" = --config
            set skips 1
        else if not string match -q -- '-*' $word
            set -a path $word
            contains -- $word function lease
            and test (count $path) = 1
            or break
        end
    end
    test "$path" = "$argv"
end

function __glean_offer
    for each in $argv
        switch $each
            case @files
                __fish_complete_path (commandline -ct)
            case @folders
                __fish_complete_directories (commandline -ct | string replace -r -- '^--[^=]*=' '')
            case @programs
                __fish_complete_command
            case @users
                __fish_complete_users
${Object.entries(sources).map(source).join("\n")}
            case '*'
                echo $each
        end
    end
end

complete -c glean -f
${lines(glean).join("\n")}
`;

function lines(command: CommandOffers): string[] {
  const { path, options, args, parts } = command;
  const at = `complete -c glean -n '__glean_at${path === "" ? "" : ` ${path}`}'`;
  const arguments_ = [...new Set(args.flatMap(({ offers }) => offers))];
  return [
    ...parts.map((part) => `${at} -a ${nameOf(part)} -d ${quoted(part.summary)}`),
    ...options.map(({ words, description, value }) => {
      const names = words.map((word) =>
        word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      );
      return `${at} ${names.join(" ")}${valueText(value)} -d ${quoted(description)}`;
    }),
    ...(arguments_.length > 0 ? [`${at} -a '${asked(arguments_)}'`] : []),
    ...parts.flatMap(lines),
  ];
}

function valueText(value: Offers | null): string {
  if (value === null) return "";
  if (value[0] === "@files") return " -r -F";
  return value.length === 0 ? " -x" : ` -x -a '${asked(value)}'`;
}

const asked = (offers: Offers): string =>
  offers[0] === list
    ? `(__fish_complete_list , "__glean_offer ${offers.slice(1).join(" ")}")`
    : `(__glean_offer ${offers.join(" ")})`;

const source = ([name, command]: [string, string]): string =>
  `            case ${name}\n                ${command}`;

const nameOf = ({ path }: CommandOffers): string => path.split(" ").at(-1)!;
const quoted = (text: string): string => `'${text.replace(/['\\]/g, "\\$&")}'`;
