// configs/gleaner.yaml: every key with its default, below its description.

import { stringify } from "yaml";
import type { Key } from "./keys.js";
import { regenerate } from "./origin.js";
import { wrap } from "./wrap.js";

const introduction = [
  "Gleaner's configuration: every key with its default. The programs read /etc/gleaner/gleaner.yaml, or the file that $GLEANER_CONF or --config FILE names.",
  "",
  "An omitted key has the value that stands here, so a site's own file holds only what differs; an unknown key is refused. gleanerd reads the file when it starts (gleanerd --check tells whether it is right). The CLI of every user reads `listen` and `munge`, so the file is world-readable (0644) and holds no secret.",
  "",
  regenerate("src/config"),
];

export function sampleConfiguration(keys: readonly Key[]): string {
  const head = introduction.map((text) => (text === "" ? "#" : wrap(text, "# "))).join("\n");
  const parts = keys.map((key) => entry(key, ""));
  const general = parts.filter((_, index) => keys[index]!.type !== null);
  const sections = parts.filter((_, index) => keys[index]!.type === null);
  return [head, general.join("\n"), ...sections].join("\n\n").concat("\n");
}

function entry(key: Key, indent: string): string {
  const comment = wrap(key.description, `${indent}# `);
  if (key.type !== null) return `${comment}\n${valueText(key, indent)}`;
  const inner = key.keys.map((each) => entry(each, `${indent}  `));
  return [comment, `${indent}${key.name}:`, ...inner].join("\n");
}

function valueText({ name, fallback }: Key, indent: string): string {
  return stringify({ [name]: fallback })
    .trimEnd()
    .split("\n")
    .map((line) => `${indent}${line}`)
    .join("\n");
}
