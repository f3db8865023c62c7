// The manual pages: glean(1) and its commands, gleanerd(8), gleaner.yaml(5).

import type { CommandText } from "./commands.js";
import { durationOf, type Key } from "./keys.js";
import { regenerate } from "./origin.js";
import { bold, item, page, paragraph, section, subsection, text, verbatim } from "./roff.js";

const commandsOrigin = regenerate("the commands in src/cli and src/daemon");

/** File names with their texts, such as `glean-batch.1`. */
export function commandManuals(glean: CommandText, version: string): [string, string][] {
  const pages = glean.commands.map((command): [string, string] => {
    const name = command.name.replaceAll(" ", "-");
    const title = { name, chapter: 1, version, origin: commandsOrigin } as const;
    return [`${name}.1`, page(title, [...commandParts(command), seeAlso("glean(1)")])];
  });
  const title = { name: "glean", chapter: 1, version, origin: commandsOrigin } as const;
  return [["glean.1", page(title, gleanParts(glean))], ...pages];
}

export function daemonManual(gleanerd: CommandText, version: string): string {
  const title = { name: "gleanerd", chapter: 8, version, origin: commandsOrigin } as const;
  return page(title, [
    ...commandParts(gleanerd),
    section("Signals"),
    item(
      "SIGTERM",
      "gleanerd ends within 5 s. Executors and functions go on, and the next gleanerd adopts them.",
    ),
    item("SIGINT", "gleanerd stops the executors first and leaves nothing behind."),
    section("Files"),
    item("/etc/gleaner/gleaner.yaml", "The configuration."),
    item("/var/lib/gleaner", "The database gleaner.db and the key, for gleanerd's user alone."),
    seeAlso("glean(1), gleaner.yaml(5)"),
  ]);
}

export function configurationManual(keys: readonly Key[], version: string): string {
  const title = {
    name: "gleaner.yaml",
    chapter: 5,
    version,
    origin: regenerate("src/config"),
  } as const;
  return page(title, [
    section("Name"),
    text("gleaner.yaml - the configuration of Gleaner"),
    section("Description"),
    paragraph(
      "gleanerd and every user's glean read /etc/gleaner/gleaner.yaml, or the file that `$GLEANER_CONF` or `--config` names. An omitted key has its default; an unknown key is refused. `gleanerd --check` reports what is wrong with the file.",
    ),
    section("Keys"),
    ...keysText(keys),
    seeAlso("gleanerd(8), glean(1)"),
  ]);
}

function keysText(keys: readonly Key[]): string[] {
  return keys.flatMap((key) => {
    if (key.type === null)
      return [subsection(key.path), paragraph(key.description), ...keysText(key.keys)];
    const duration = durationOf(key);
    const shown = key.fallback === undefined ? "none" : JSON.stringify(key.fallback);
    const fallback = `Default: ${shown}${duration === null ? "" : ` (${duration})`}.`;
    return [
      item(key.path, `${key.description} Value: ${key.type}. ${fallback}`),
      ...keysText(key.keys),
    ];
  });
}

function gleanParts(glean: CommandText): string[] {
  const groups = [...new Set(glean.commands.map(({ group }) => group))];
  return [
    ...nameAndSynopsis(glean),
    section("Commands"),
    ...groups.flatMap((group) => [
      subsection(group),
      ...glean.commands
        .filter((command) => command.group === group)
        .map(({ name, summary }) => item(`${name.replaceAll(" ", "-")}(1)`, sentence(summary))),
    ]),
    ...rest(glean),
    seeAlso("gleanerd(8), gleaner.yaml(5)"),
  ];
}

const commandParts = (command: CommandText): string[] => [
  ...nameAndSynopsis(command),
  ...(command.commands.length > 0 ? [section("Commands")] : []),
  ...command.commands.flatMap((each) => [
    subsection(`${each.name} ${each.usage}`),
    paragraph(each.description || each.summary),
    ...termsOf([...each.args, ...each.options]),
    ...notesIn(each).map(verbatim),
  ]),
  ...rest(command),
];

const nameAndSynopsis = ({ name, summary, usage, description }: CommandText): string[] => [
  section("Name"),
  text(`${name.replaceAll(" ", "-")} - ${summary}`),
  section("Synopsis"),
  `${bold(name)} ${text(usage)}`,
  section("Description"),
  paragraph(description),
];

const notesIn = ({ after }: CommandText): string[] =>
  after
    .trim()
    .split(/\n\n+/)
    .filter((block) => block !== "");

function rest(command: CommandText): string[] {
  const { args, options } = command;
  const notes = notesIn(command);
  return [
    ...(args.length > 0 ? [section("Arguments"), ...termsOf(args)] : []),
    ...(options.length > 0 ? [section("Options"), ...termsOf(options)] : []),
    ...(notes.length > 0 ? [section("Notes"), ...notes.map(verbatim)] : []),
  ];
}

const termsOf = (terms: CommandText["options"]): string[] =>
  terms.map(({ term, description }) => item(term, sentence(description)));

const sentence = (phrase: string): string =>
  `${phrase.charAt(0).toUpperCase()}${phrase.slice(1).replace(/\.$/, "")}.`;

const seeAlso = (pages: string): string => `${section("See also")}\n${text(pages)}`;
