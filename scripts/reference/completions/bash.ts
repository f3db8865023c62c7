// The completion of glean for bash.

import { type CommandOffers, type Offers, sources, withParts } from "./offers.js";

export const bash = (glean: CommandOffers): string =>
  `# Made by scripts/generate. Source it, or copy it to bash-completion's folder as glean.

# Sets what may follow the command in path.
_glean_command() {
  case $path in
${withParts(glean).map(entry).join("\n")}
  esac
}

# Adds to COMPREPLY what fits the word that is typed.
_glean_offer() {
  local each before= words=()
  if [[ $1 == , ]]; then
    shift
    [[ $typed == *,* ]] && before=\${typed%,*},
  fi
  for each; do
    case $each in
    @files) compopt -o default -o filenames; mapfile -t -O \${#words[@]} words < <(compgen -f -- "$typed") ;;
    @folders) compopt -o dirnames -o filenames; mapfile -t -O \${#words[@]} words < <(compgen -d -- "$typed") ;;
    @programs) compopt -o default; mapfile -t -O \${#words[@]} words < <(compgen -c -- "$typed") ;;
    @users) mapfile -t -O \${#words[@]} words < <(compgen -u -- "$typed") ;;
${Object.entries(sources).map(source).join("\n")}
    @none) ;;
    *) words+=("$each") ;;
    esac
  done
  for each in "\${words[@]}"; do
    [[ $before$each == "$typed"* ]] && COMPREPLY+=("$before$each")
  done
}

${main}complete -F _glean glean
`;

const main = `_glean() {
  local path= parts options values arguments passes expected= seen=0 index word offers
  local typed=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  [[ $typed != = ]] || typed=
  _glean_command
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    # bash makes three words of --option=value.
    [[ $word != = ]] || continue
    if [[ -n $expected ]]; then
      expected=
    elif [[ $word == -* && ( -z $passes || $seen == 0 ) ]]; then
      if [[ " $values " == *" $word="* ]]; then
        expected=" $values "
        expected=\${expected#*" $word="}
        expected=\${expected%% *}
      fi
    elif [[ $seen == 0 && " $parts " == *" $word "* ]]; then
      path=\${path:+$path }$word
      _glean_command
    else
      ((++seen))
    fi
  done
  if [[ -n $expected ]]; then
    offers=$expected
  elif [[ $typed == -* && ( -z $passes || $seen == 0 ) ]]; then
    offers=\${options// /|}
  else
    read -ra arguments <<<"$arguments"
    # An argument that may be repeated comes last.
    [[ -n \${arguments[seen]} || \${arguments[*]: -1} != +* ]] || seen=$((\${#arguments[@]} - 1))
    offers=\${arguments[seen]#+}
    [[ $seen != 0 || -z $parts ]] || offers=\${parts// /|}\${offers:+|$offers}
  fi
  IFS='|' read -ra offers <<<"\${offers:-@none}"
  _glean_offer "\${offers[@]}"
}
`;

const joined = (offers: Offers): string => (offers.length === 0 ? "@none" : offers.join("|"));

function entry(command: CommandOffers): string {
  const { path, options, args, isVariadic, passesOptions, parts } = command;
  const names = parts.map((part) => part.path.split(" ").at(-1));
  const words = options.flatMap((option) => option.words);
  const values = options.flatMap(({ words, value }) =>
    value === null ? [] : words.map((word) => `${word}=${joined(value)}`),
  );
  const places = args.map(
    ({ offers }, at) => `${isVariadic && at === args.length - 1 ? "+" : ""}${joined(offers)}`,
  );
  return `  "${path}")
    parts="${names.join(" ")}" passes=${passesOptions ? 1 : ""}
    options="${words.join(" ")}"
    values="${values.join(" ")}"
    arguments="${places.join(" ")}"
    ;;`;
}

const source = ([name, command]: [string, string]): string =>
  `    ${name}) mapfile -t -O \${#words[@]} words < <(${command}) ;;`;
