// Acts as sinfo: the nodes as one partition, each in the state that it has for functions.

import { nowMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { NodeInfo } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { membersOf, nodesOrNone } from "../filters.js";
import {
  nodeStates,
  type SinfoPart,
  sinfoFormat,
  sinfoParts,
  sinfoPartsNamed,
  sortNodes,
  stateOf,
} from "../formats/sinfo.js";
import { json, print } from "../output.js";
import { quoted } from "../values.js";
import { iterated } from "./iterated.js";
import { dateLine, isOurPartition, leavingOut } from "./site.js";
import { asksForJson, readWords, type Words } from "./words.js";

const plainFormat = "%9P %.5a %.10l %.6D %.6t %N";
const longFormat = "%9P %.5a %.10l %.10s %.4r %.8h %.10g %.6D %.11T %N";
const nodesFormat = "%10N %.5D %.9P %6t";
const longNodesFormat = "%10N %.5D %.9P %.11T %4c %.8z %.6m %.8d %.6w %.8f %20E";
const summaryFormat = "%9P %.5a %.10l %.16F %N";
const reasonsFormat = "%20E %9u %19H %N";
const longReasonsFormat = "%20E %12U %19H %6t %N";

export async function sinfo(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("sinfo", given);
  const parts = formatOf(context, words);
  return iterated(words.get("iterate"), () => listOnce(context, words, parts));
}

async function listOnce(
  context: Context,
  words: Words,
  parts: readonly SinfoPart[],
): Promise<void> {
  const isChosen = chooser(words);
  if (words.has("reservation")) return print("No reservations in the system\n");
  const isShown = isOurPartition(words.get("partition")?.replaceAll("*", ""));
  const { nodes } = await (await context.client()).info();
  const found = isShown ? nodes.filter(isChosen) : [];
  if (asksForJson(words)) return print(json({ sinfo: found }));
  if (words.has("long") && !words.has("noheader")) print(dateLine(nowMs()));
  const isEach = words.has("Node");
  const order = words.get("sort") ?? (isEach ? "N" : "");
  print(
    sinfoFormat(parts, sortNodes(found, order), {
      isEach,
      isExact: words.has("exact"),
      withHeader: !words.has("noheader"),
      withNone: isShown && !isEach && !words.has("list-reasons"),
    }),
  );
}

function formatOf({ environment }: Context, words: Words): SinfoPart[] {
  const [named, format] = [words.get("Format"), words.get("format")];
  if (named !== undefined) return sinfoPartsNamed(named, leavingOut("sinfo"));
  if (format !== undefined) return sinfoParts(format, leaveOut);
  const isLong = words.has("long");
  if (words.has("summarize")) return sinfoParts(summaryFormat);
  if (words.has("list-reasons")) return sinfoParts(isLong ? longReasonsFormat : reasonsFormat);
  if (words.has("Node")) return sinfoParts(isLong ? longNodesFormat : nodesFormat);
  return sinfoParts(isLong ? longFormat : environment.SINFO_FORMAT || plainFormat, leaveOut);
}

/** sinfo itself speaks of jobs with `-O`. */
const leaveOut = leavingOut("sinfo", "node");

function chooser(words: Words): (node: NodeInfo) => boolean {
  const names = nodesOrNone(words.get("nodes"));
  const state = words.get("states");
  const states = state === undefined ? null : readStates(state);
  return (node) =>
    (names === null || names.has(node.node)) &&
    (states === null || states.has(stateOf(node))) &&
    (node.drainedBy !== null || !words.has("list-reasons")) &&
    (stateOf(node) === "down" || !words.has("dead")) &&
    (stateOf(node) !== "down" || !words.has("responding"));
}

/** The states of Slurm's that none of our nodes is ever in. */
const others = `unknown future draining no_respond reserved perfctrs cloud completing powering_down
powered_down power_down powering_up fail maint error planned blocked reboot`.split(/\s+/);

/** Reads `-t`: names or their beginnings, as sinfo does; mixed nodes are allocated, too. */
function readStates(text: string): ReadonlySet<string> {
  const all = Object.entries(nodeStates);
  return new Set(
    membersOf(text).flatMap((word) => {
      const start = word.trim().toLowerCase();
      const found = all.filter(([, long]) => long.startsWith(start)).map(([short]) => short);
      if (start === "" || (found.length === 0 && !others.some((each) => each.startsWith(start))))
        throw new GleanerError(
          "BAD_REQUEST",
          `Bad state string: ${quoted(word)}: expected some of ${all.map(([, long]) => long).join(", ")}`,
        );
      return found.includes("alloc") ? [...found, "mix"] : found;
    }),
  );
}
