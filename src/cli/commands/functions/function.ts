// `glean function`: deploys, tests, lists, shows, shares and removes functions, and prints logs.

import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import {
  type FunctionRef,
  isAlias,
  nameRule,
  parseFunctionRef,
  shownVersion,
} from "../../../model/functions/reference.js";
import type { FunctionDetail, FunctionSummary, RemoveAnswer } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus, type Run } from "../../context.js";
import { chosenUser } from "../../filters.js";
import { parseSharing } from "../../functions/options.js";
import { type Column, complain, json, print, printable, table } from "../../output.js";
import { quoted } from "../../values.js";
import { formatWhen } from "../../when.js";
import { defineDeploy } from "./deploy.js";
import { defineLogs } from "./logs.js";
import { part } from "./part.js";
import { defineTest } from "./test.js";

interface Form {
  readonly json?: boolean;
}

const reference = "NAME, NAME@ALIAS, NAME@VERSION or OWNER/NAME";

const notes = `
Calls that have begun, or wait, keep their version, whatever is deployed, moved or removed.

Examples:
  glean function deploy tile ./tile        deploy a folder, and check first that it can be loaded
  glean function test ./tile --input '{}'  run it once on this machine
  glean function alias tile prod           tile@prod stays the version that tile is now
  glean function share tile group:hep      let a Unix group call it
  glean function remove tile@3f2a9c01      remove one version`;

export const define: Define = (command, run) => {
  defineDeploy(command, run);
  defineTest(command, run);
  defineLogs(command, run);
  defineList(command, run);
  part(command, "show", "show a function with its versions and settings")
    .argument("<function>", reference)
    .action(run(show));
  part(command, "alias", "let an alias point to a version")
    .argument("<function>", `the version: ${reference}`)
    .argument("<alias>", "such as prod; latest goes back to an earlier version")
    .action(run(alias));
  part(command, "share", "let others call a function; a call runs as its caller")
    .argument("<function>", "NAME or OWNER/NAME")
    .argument("<with>", "none, all or group:NAME")
    .action(run(share));
  part(command, "remove", "remove a function, a version or an alias")
    .argument("<function>", "NAME (with all versions), NAME@VERSION or NAME@ALIAS")
    .action(run(remove));
  command.helpCommand(false).addHelpText("after", notes);
};

function defineList(parent: Command, run: Run): void {
  part(parent, "list", "list your functions, and those that are shared with you")
    .option("-u, --user <USER>", "only the functions of this owner: a name or a uid")
    .option("-n, --noheader", "no header line")
    .action(run(list));
}

const columns: readonly Column<FunctionSummary>[] = [
  { title: "FUNCTION", text: ({ owner, name }) => `${owner.user}/${name}` },
  { title: "RUNTIME", text: ({ runtime }) => runtime },
  { title: "VERSION", text: ({ version }) => shownVersion(version) },
  { title: "VERSIONS", text: ({ versions }) => String(versions), right: true },
  { title: "SIZE", text: ({ bytes }) => sizeOf(bytes), right: true },
  { title: "SHARED", text: ({ sharing }) => sharing },
  { title: "STATE", text: ({ stopped }) => (stopped === null ? "ready" : "stopped") },
  { title: "DEPLOYED", text: ({ deployedAtMs }) => formatWhen(deployedAtMs) },
];

async function list(
  context: Context,
  options: Form & { user?: string; header?: boolean; noheader?: boolean },
): Promise<number> {
  const answer = await (await context.client()).functions.list(chosenUser(options));
  if (options.json) print(json(answer));
  else print(table(answer.functions, columns, options.noheader !== true));
  if (answer.truncated) complain("note: there are more functions: name an owner with -u");
  return exitStatus.done;
}

/** `12 kB`, as files are shown. */
function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function show(context: Context, text: string, options: Form): Promise<number> {
  const ref = parseFunctionRef(text);
  const detail = await (await context.client()).functions.show(ref, selectedBy(ref));
  print(options.json ? json(detail) : `${linesOf(detail).map(printable).join("\n")}\n`);
  return exitStatus.done;
}

/** More would leave the oldest versions on a terminal, and nothing else. */
const mostNewest = 20;

function linesOf({ owner, name, sharing, aliases, versions, shown }: FunctionDetail): string[] {
  const { settings, variables, warm } = shown;
  const asked = new Set([shown.version, ...aliases.map(({ version }) => version)]);
  const listed = versions.filter(({ version }, index) => index < mostNewest || asked.has(version));
  const others = versions.length - listed.length;
  const set = Object.entries(settings).filter(([, value]) => value !== null);
  return [
    `Function=${owner.user}/${name} OwnerId=${owner.uid} Shared=${sharing}`,
    `   Version=${shown.version}`,
    `   ${set.map(([key, value]) => `${key.charAt(0).toUpperCase()}${key.slice(1)}=${value}`).join(" ")}`,
    `   Environment=${variables.join(",") || "(none)"}`,
    ...warm.map((line) => `   Warm=${line}`),
    ...listed.flatMap(({ version, runtime, bytes, deployedAtMs, stopped }) => {
      const names = aliases.filter((each) => each.version === version).map(({ alias }) => alias);
      const pointed = names.length === 0 ? "" : ` Aliases=${names.join(",")}`;
      return [
        `   ${shownVersion(version)} Deployed=${formatWhen(deployedAtMs)} Runtime=${runtime} Size=${bytes}${pointed}`,
        ...(stopped === null ? [] : [`      Stopped=${stopped}: deploy it again`]),
      ];
    }),
    ...(others === 0 ? [] : [`   Others=${others}: glean function show ${name} --json has all`]),
  ];
}

const selectedBy = ({ selector }: FunctionRef): string =>
  selector.kind === "alias" ? selector.alias : selector.prefix;

async function alias(context: Context, text: string, name: string, options: Form): Promise<number> {
  const ref = parseFunctionRef(text);
  if (!isAlias(name))
    throw new GleanerError(
      "BAD_REQUEST",
      `invalid alias ${quoted(name)}: expected ${nameRule}, not like a version's first digits`,
    );
  const answer = await (await context.client()).functions.setAlias(ref, name, selectedBy(ref));
  const shown = `${ref.name}@${name} is version ${shownVersion(answer.version)}\n`;
  print(options.json ? json(answer) : shown);
  return exitStatus.done;
}

async function share(
  context: Context,
  text: string,
  given: string,
  options: Form,
): Promise<number> {
  const ref = whole(text);
  const sharing = parseSharing(given, "share");
  const answer = await (await context.client()).functions.share(ref, sharing);
  print(options.json ? json(answer) : `${ref.name} is shared with: ${answer.sharing}\n`);
  return exitStatus.done;
}

async function remove(context: Context, text: string, options: Form): Promise<number> {
  const ref = parseFunctionRef(text);
  const { functions } = await context.client();
  let answer: RemoveAnswer;
  if (isWhole(text)) answer = await functions.remove(ref);
  else if (ref.selector.kind === "alias")
    answer = await functions.removeAlias(ref, ref.selector.alias);
  else answer = await functions.removeVersion(ref, ref.selector.prefix);
  print(options.json ? json(answer) : `Removed ${answer.removed}\n`);
  return exitStatus.done;
}

/** Whether a reference names no version; an owner's name may contain @. */
const isWhole = (text: string): boolean => !text.slice(text.indexOf("/") + 1).includes("@");

function whole(text: string): FunctionRef {
  const ref = parseFunctionRef(text);
  if (isWhole(text)) return ref;
  throw new GleanerError(
    "BAD_REQUEST",
    `a function is shared with all its versions: give ${ref.name} without @`,
  );
}
