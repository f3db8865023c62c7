// docs/reference/configuration.md: a table for each section of gleaner.yaml.

import { durationOf, type Key } from "./keys.js";
import { regenerate } from "./origin.js";
import { wrap } from "./wrap.js";

const introduction = [
  "gleanerd and every user's `glean` read `/etc/gleaner/gleaner.yaml`, or the file that `$GLEANER_CONF` or `--config FILE` names. An omitted key has its default, so a site's own file holds only what differs; an unknown key is refused. `gleanerd --check` reads the file and reports what is wrong with it. gleanerd reads it when it starts: a change needs a restart.",
  "The file is the same on the controller and the login nodes. It is world-readable (0644), holds no secret, and nobody but root may write to it or to its folder.",
  "[configs/gleaner.yaml](../../configs/gleaner.yaml) is a sample with every key. The manual page gleaner.yaml(5) has the same texts.",
];

export function configurationPage(keys: readonly Key[]): string {
  const general = keys.filter(({ type }) => type !== null);
  const sections = keys.filter(({ type }) => type === null);
  return [
    "# Configuration",
    `<!-- ${regenerate("src/config")} -->`,
    ...introduction.map((text) => wrap(text)),
    "## General",
    table(general),
    ...sections.flatMap((section) => sectionText(section, "##")),
  ]
    .join("\n\n")
    .concat("\n");
}

function sectionText(section: Key, heading: string): string[] {
  const own = section.keys.filter(({ type }) => type !== null);
  const inner = section.keys.filter(({ keys }) => keys.length > 0);
  const description = section.type === null ? section.description : "Its keys must all be given.";
  return [
    `${heading} ${section.path}`,
    wrap(description),
    ...(own.length > 0 ? [table(own)] : []),
    ...inner.flatMap((each) => sectionText(each, "###")),
  ];
}

function table(keys: readonly Key[]): string {
  const rows = keys.map(
    (key) =>
      `| \`${key.path}\` | ${key.type} | ${fallbackOf(key)} | ${key.description.replaceAll("|", "\\|")} |`,
  );
  return ["| key | value | default | |", "|---|---|---|---|", ...rows].join("\n");
}

function fallbackOf(key: Key): string {
  if (key.fallback === undefined) return "none";
  if (Array.isArray(key.fallback) && key.fallback.length > 0)
    return key.fallback.map((each) => `\`${each}\``).join("<br>");
  const duration = durationOf(key);
  const text = `\`${JSON.stringify(key.fallback).replaceAll('"', "")}\``;
  return duration === null ? text : `${text} (${duration})`;
}
