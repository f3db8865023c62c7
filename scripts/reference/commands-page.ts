// docs/reference/commands.md: the help of every command.

import type { CommandText } from "./commands.js";
import { regenerate } from "./origin.js";
import { wrap } from "./wrap.js";

const introduction =
  "Every command has a manual page with the same texts, such as `man glean-batch`. Every listing has `--json`: one JSON document on standard output, with units in the keys. Errors are one sentence on standard error.";

export const commandsPage = (glean: CommandText, gleanerd: CommandText): string =>
  [
    "# Commands",
    `<!-- ${regenerate("the commands in src/cli and src/daemon")} -->`,
    wrap(introduction),
    ...[glean, ...withinOf(glean), gleanerd].flatMap(({ name, help }) => [
      `## ${name}`,
      `\`\`\`\n${help}\n\`\`\``,
    ]),
  ]
    .join("\n\n")
    .concat("\n");

const withinOf = ({ commands }: CommandText): CommandText[] =>
  commands.flatMap((command) => [command, ...withinOf(command)]);
