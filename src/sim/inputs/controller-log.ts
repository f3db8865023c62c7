// Reads from slurmctld's log when nodes were out of service.

import { expandHostList } from "../../model/hostlist.js";
import { Skipped } from "../site/notes.js";
import type { Lines } from "./lines.js";
import { joined, type Stretch } from "./stretches.js";
import { readTimeMs } from "./times.js";

/** `[2026-01-01T00:00:00.123] error: text`, with or without the zone of LogTimeFormat=rfc5424. */
const logLine = /^\[(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?\] (.*)$/;

export const isControllerLog = (line: string): boolean => logLine.test(line);

/** A node is out of service while it is down or drained. */
interface State {
  isDown: boolean;
  isDrained: boolean;
  outSinceMs: number | null;
}

type Event = "down" | "setDown" | "drained" | "registered" | "resumed";

/** The lines in which Slurm says that a node goes out of service or comes back. */
const messages: readonly { readonly form: RegExp; readonly event: Event }[] = [
  { form: /^error: Nodes (\S+) not responding, setting DOWN/, event: "down" },
  { form: /\bEpilog failure on host (\S+), setting DOWN/, event: "down" },
  { form: /\bSetting node (\S+) state to DOWN/i, event: "down" },
  { form: /\bNode (\S+) unexpectedly rebooted/, event: "down" },
  { form: /^update_node: node (\S+) state set to DOWN/, event: "setDown" },
  { form: /^drain_nodes: node (\S+) state set to DRAIN/, event: "drained" },
  { form: /^update_node: node (\S+) state set to (?:\w+\+)?(?:DRAIN|FAIL)/, event: "drained" },
  // A node that registers again may still be drained; RESUME ends both. Slurm refuses to resume a
  // node that is in service.
  { form: /\bnode (\S+) returned to service/, event: "registered" },
  { form: /^update_node: node (\S+) state set to (?:IDLE|ALLOC|MIX)/, event: "resumed" },
];

export interface ControllerLog {
  readonly byNode: ReadonlyMap<string, readonly Stretch[]>;
  readonly skipped: Skipped;
  readonly remarks: readonly string[];
}

/**
 * Outages by node. Times without a zone are in that of this process (TZ). A node that is out at the
 * end of the log stays so; when a node went out before the log began is not known.
 */
export async function readControllerLog(lines: Lines): Promise<ControllerLog> {
  const log = new Log();
  let number = 0;
  for await (const line of lines) log.read(line, ++number);
  return log.end();
}

class Log {
  private readonly states = new Map<string, State>();
  private readonly byNode = new Map<string, Stretch[]>();
  private readonly skipped = new Skipped();
  private returnedFirst = 0;
  private lacksZone = false;

  read(line: string, number: number): void {
    const [, day, clock, zone, text] = logLine.exec(line) ?? [];
    if (day === undefined || clock === undefined || text === undefined) return;
    const found = eventIn(text);
    if (found === null) return;
    const atMs = zone === undefined ? localMs(day, clock) : readTimeMs(`${day}T${clock}${zone}`);
    if (atMs === null) {
      this.skipped.add("a time that is not a date", number);
      return;
    }
    this.lacksZone ||= zone === undefined;
    try {
      for (const node of expandHostList(found.nodes)) this.note(node, found.event, atMs, number);
    } catch {
      this.skipped.add("an invalid node list", number);
    }
  }

  private note(node: string, event: Event, atMs: number, line: number): void {
    const known = this.states.get(node);
    const state = known ?? { isDown: false, isDrained: false, outSinceMs: null };
    this.states.set(node, state);
    if (event === "registered" || event === "resumed") {
      if (known === undefined) this.returnedFirst++;
      state.isDown = false;
      if (event === "resumed") state.isDrained = false;
    } else if (event === "drained") state.isDrained = true;
    else {
      // This is how Slurm logs UNDRAIN of a node that is down.
      if (event === "setDown" && state.isDown) state.isDrained = false;
      state.isDown = true;
    }
    const isOut = state.isDown || state.isDrained;
    if (isOut) state.outSinceMs ??= atMs;
    else if (state.outSinceMs !== null) {
      this.add(node, state.outSinceMs, atMs, line);
      state.outSinceMs = null;
    }
  }

  private add(node: string, fromMs: number, toMs: number, line: number): void {
    if (toMs < fromMs) this.skipped.add("ends before it starts", line);
    if (toMs <= fromMs) return;
    const known = this.byNode.get(node);
    if (known === undefined) this.byNode.set(node, [{ fromMs, toMs }]);
    else known.push({ fromMs, toMs });
  }

  end(): ControllerLog {
    for (const [node, { outSinceMs }] of this.states)
      if (outSinceMs !== null) this.add(node, outSinceMs, Number.POSITIVE_INFINITY, 0);
    for (const [node, each] of this.byNode) this.byNode.set(node, joined(each));
    return { byNode: this.byNode, skipped: this.skipped, remarks: [...this.remarks()] };
  }

  private *remarks(): Generator<string> {
    if (this.lacksZone) {
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
      yield `the times of slurmctld's log have no zone: read as ${timeZone}; TZ=… names another`;
    }
    if (this.returnedFirst > 0)
      yield `slurmctld's log begins while nodes are out of service: ${this.returnedFirst} of them come back later, and their time before that counts as idle; put an older log before it`;
  }
}

function eventIn(text: string): { readonly nodes: string; readonly event: Event } | null {
  for (const { form, event } of messages) {
    const nodes = form.exec(text)?.[1];
    if (nodes !== undefined) return { nodes, event };
  }
  return null;
}

/** null unless the date exists. */
function localMs(day: string, clock: string): number | null {
  if (readTimeMs(`${day}T${clock}`) === null) return null;
  return Date.parse(`${day}T${clock}`);
}
