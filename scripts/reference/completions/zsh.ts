// The completion of glean for zsh.

import { type CommandOffers, type Offers, sources } from "./offers.js";

export const zsh = (glean: CommandOffers): string => `#compdef glean
# Made by scripts/generate. Copy it to a folder of fpath.

_glean_offer() {
  local each
  local -a words found
  if [[ $1 == , ]]; then
    shift
    compset -P '*,'
  fi
  for each; do
    case $each in
    @files) _files ;;
    @folders) _files -/ ;;
    @programs) _path_commands ;;
    @users) _users ;;
${Object.entries(sources).map(source).join("\n")}
    *) words+=("$each") ;;
    esac
  done
  (( ! $#words )) || compadd -a words
}

_glean() {
  local curcontext=$curcontext state line
  local -A opt_args
${level(glean, "  ")}
}

_glean "$@"
`;

/** Completes the options of a command, then the names of its parts or its arguments. */
function level(command: CommandOffers, indent: string): string {
  const { options, parts } = command;
  const specs = [...options.flatMap(optionSpecs), ...argumentSpecs(command)];
  const stop = command.passesOptions ? ` -A "-*"` : "";
  const call = `${indent}_arguments -C${stop} ${specs.map(quoted).join(" ")}`;
  if (parts.length === 0) return call;
  const names = parts.map((part) => quoted(`${nameOf(part)}:${part.summary}`));
  const cases = parts.map(
    (part) => `${indent}    ${nameOf(part)})\n${level(part, `${indent}      `)}\n${indent}      ;;`,
  );
  return `${call}
${indent}case $state in
${indent}part)
${indent}  local -a parts=(${names.join(" ")})
${indent}  _describe command parts
${indent}  ;;
${indent}rest)
${indent}  case $line[1] in
${cases.join("\n")}
${indent}  esac
${indent}  ;;
${indent}esac`;
}

const nameOf = ({ path }: CommandOffers): string => path.split(" ").at(-1)!;

/** One for each word: `-o` excludes `--output`, and each takes its value after it or with `=`. */
function optionSpecs({ words, description, value }: CommandOffers["options"][number]): string[] {
  const excluded = words.length > 1 ? `(${words.join(" ")})` : "";
  const text = `[${escaped(description)}]`;
  return words.map((word) => {
    if (value === null) return `${excluded}${word}${text}`;
    const mark = word.startsWith("--") ? "=" : "+";
    return `${excluded}${word}${mark}${text}:value:${action(value)}`;
  });
}

function argumentSpecs({ args, isVariadic, parts }: CommandOffers): string[] {
  if (parts.length > 0) return ["1: :->part", "*:: :->rest"];
  return args.map(({ name, offers }, at) => {
    const isRepeated = isVariadic && at === args.length - 1;
    return `${isRepeated ? "*" : at + 1}:${name}:${action(offers)}`;
  });
}

/** A leading space keeps zsh from adding words of its own. */
const action = (offers: Offers): string =>
  offers.length === 0 ? " " : ` _glean_offer ${offers.map(escaped).join(" ")}`;

const source = ([name, command]: [string, string]): string =>
  `    ${name}) found=(\${(f)"$(${command})"}); compadd -a found ;;`;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const escaped = (text: string): string => text.replace(/[\\[\]:]/g, "\\$&");
