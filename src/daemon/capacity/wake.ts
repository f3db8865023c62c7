// The wake-up socket: an epilog on a node without an executor reports freed resources.
//
// Anyone on the network can send such a report. It can make gleanerd read Slurm a little earlier,
// at a pace that is limited anyway, and date the end of a job within the second of Slurm's own
// record; nothing else.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { nowMs } from "../../clock.js";
import { Interval } from "../../limits/rate-limit.js";
import { type JobId, jobId, type NodeName, nodeName } from "../../model/ids.js";
import type { Recorder } from "../records/recorder.js";
import type { Events } from "../state/events.js";
import type { Capacity } from "./capacity.js";

/** `wake <cluster> <node> <job>`: three names of at most 64 characters. */
const maxBytes = 256;
const form = /^wake ([A-Za-z0-9._-]{1,64}) ([A-Za-z0-9._-]{1,64}) (\d{1,10})\n?$/;

export interface Wake {
  readonly clusterName: string;
  readonly node: NodeName;
  readonly job: JobId;
}

export interface WakeDependencies {
  readonly recorder: Pick<Recorder, "countsAsEnd">;
  readonly capacity: Pick<Capacity, "snapshot" | "wake">;
  readonly events: Events;
}

/** null for anything other than a wake-up. */
export function parseWake(datagram: Buffer): Wake | null {
  if (datagram.length > maxBytes) return null;
  const match = form.exec(datagram.toString("latin1"));
  if (match === null) return null;
  return { clusterName: match[1]!, node: nodeName(match[2]!), job: jobId(Number(match[3])) };
}

/**
 * A wake-up for a job that Slurm has not shown yet may be genuine; a flood of them must not cause a
 * flood of reads.
 */
const strangerWakeMs = 2_000;

/** Returns what to do with each wake-up: at most, Slurm is read earlier. */
export function wakesFor({ recorder, capacity, events }: WakeDependencies): (wake: Wake) => void {
  const strangers = new Interval(strangerWakeMs);
  return ({ clusterName, node, job: jobId }) => {
    if (capacity.snapshot?.facts.clusterName !== clusterName) return;
    const ended = { node, jobId, kind: "end", atMs: nowMs(), cores: null } as const;
    if (recorder.countsAsEnd(node, jobId)) events.publish({ type: "hookReported", report: ended });
    else if (strangers.passes()) capacity.wake();
  };
}

/** Listens on UDP until the returned socket is closed; rejects if the port is taken. */
export async function listenForWakes(
  host: string,
  port: number,
  onWake: (wake: Wake) => void,
): Promise<Socket> {
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4" });
  socket.on("message", (datagram) => {
    const wake = parseWake(datagram);
    if (wake !== null) onWake(wake);
  });
  socket.bind(port, host);
  await once(socket, "listening");
  // An unreadable datagram (no memory left) is a lost hint and must not stop the daemon.
  socket.on("error", () => {});
  return socket;
}
