// `glean token revoke`: revokes tokens before they expire.

import { GleanerError } from "../../../model/errors.js";
import { type Define, exitStatus } from "../../context.js";
import { chosenUser } from "../../filters.js";
import { json, print } from "../../output.js";
import { quoted } from "../../values.js";

interface Options {
  readonly user?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument("<what>", "revoke")
    .option("-u, --user <USER>", "this user's tokens: a name or a uid (operators; default: yours)")
    .option("--all", "the tokens of all users (operators)")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nA user with access gets a new token through munge with the next command.",
    )
    .action(
      run(async (context, what: string, options: Options) => {
        if (what !== "revoke")
          throw new GleanerError(
            "BAD_REQUEST",
            `unknown action ${quoted(what)}: run glean token revoke`,
          );
        if (options.all && options.user !== undefined)
          throw new GleanerError(
            "BAD_REQUEST",
            "-u and --all are mutually exclusive: give only one of them",
          );
        const request = { ...chosenUser(options), all: options.all === true };
        const answer = await (await context.client()).revokeTokens(request);
        if (options.json) print(json(answer));
        return exitStatus.done;
      }),
    );
};
