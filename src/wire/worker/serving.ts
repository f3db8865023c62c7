// The messages with which a worker is told to serve the clients of a lease, and tells how it does.

import { decodeFields, encodeFields, type Fields, numberField, requiredField } from "./fields.js";
import { FrameError } from "./framing.js";
import { cut } from "./messages.js";

/** What a worker needs to know of its lease. */
export interface Serve {
  /** The attempt as INVOCATION.ATTEMPT, by which clients name it. */
  readonly worker: string;
  /** 64 digits of lower-case hex, which client and worker prove to each other. */
  readonly key: string;
  /** How long to spin after a call before it blocks; -1: always, 0: not at all. */
  readonly hotMs: number;
  readonly maxClients: number;
  /** Where it may listen: "0" for any port, or "50000-50100". */
  readonly ports: string;
  /** The provider of libfabric that it may use as well. */
  readonly ofiProvider?: string | undefined;
}

/** Where it listens. */
export interface Serving {
  readonly port: number;
  /** An abstract unix socket's name without the NUL before it. */
  readonly socket: string;
  /** It goes on to listen there afterwards, for the clients of its next lease. */
  readonly keeps?: true | undefined;
}

/** What a worker says of itself while it serves; all but `clients` are sums from its beginning. */
export interface ServeUsage {
  /** Those connected that have proven the key. */
  readonly clients: number;
  readonly calls: number;
  readonly busyMs: number;
  readonly spinMs: number;
}

/** The end of serving is foreseen. */
export interface Terminating {
  readonly inMs: number;
  readonly reason: string;
}

export const defaultMaxClients = 64;
const maxReasonBytes = 512;
const maxPort = 65_535;
const workerPattern = /^[1-9]\d{0,15}\.[1-9]\d{0,9}$/;
const keyPattern = /^[0-9a-f]{64}$/;
const portsPattern = /^(?:0|[1-9]\d{0,4}-[1-9]\d{0,4})$/;
const ofiProviderPattern = /^[A-Za-z0-9_;-]{1,63}$/;
const socketPattern = /^[\x21-\x7e]{1,107}$/;

export const encodeServe = (serve: Serve): Buffer => encodeFields({ ...serve });
export function decodeServe(payload: Uint8Array): Serve {
  const fields = decodeFields(payload);
  return {
    worker: workerField(fields),
    key: matching(fields, "key", keyPattern),
    hotMs: hotMsField(fields),
    maxClients: numberField(fields, "maxClients") ?? defaultMaxClients,
    ports: matching(fields, "ports", portsPattern),
    ...(fields.ofiProvider !== undefined && {
      ofiProvider: matching(fields, "ofiProvider", ofiProviderPattern),
    }),
  };
}

export const encodeServing = ({ port, socket, keeps }: Serving): Buffer =>
  encodeFields({ port, socket, keeps: keeps && 1 });
export function decodeServing(payload: Uint8Array): Serving {
  const fields = decodeFields(payload);
  const port = requiredNumber(fields, "port");
  if (port < 1 || port > maxPort) throw invalid("port");
  const socket = matching(fields, "socket", socketPattern);
  return { port, socket, ...(fields.keeps === "1" && { keeps: true }) };
}

export const encodeUsage = (usage: ServeUsage): Buffer => encodeFields({ ...usage });
export function decodeUsage(payload: Uint8Array): ServeUsage {
  const fields = decodeFields(payload);
  return {
    clients: requiredNumber(fields, "clients"),
    calls: requiredNumber(fields, "calls"),
    busyMs: requiredNumber(fields, "busyMs"),
    spinMs: requiredNumber(fields, "spinMs"),
  };
}

export const encodeTerminating = ({ inMs, reason }: Terminating): Buffer =>
  encodeFields({ inMs, reason: cut(reason, maxReasonBytes) });
export function decodeTerminating(payload: Uint8Array): Terminating {
  const fields = decodeFields(payload);
  return { inMs: requiredNumber(fields, "inMs"), reason: fields.reason ?? "" };
}

export const workerField = (fields: Fields): string => matching(fields, "worker", workerPattern);

/** The only number that may be below 0. */
export function hotMsField(fields: Fields): number {
  return fields.hotMs === "-1" ? -1 : requiredNumber(fields, "hotMs");
}

export function requiredNumber(fields: Fields, name: string): number {
  requiredField(fields, name);
  return numberField(fields, name)!;
}

export function matching(fields: Fields, name: string, pattern: RegExp): string {
  const value = requiredField(fields, name);
  if (!pattern.test(value)) throw invalid(name);
  return value;
}

const invalid = (name: string) =>
  new FrameError("GARBAGE", `a message has invalid fields: ${name} is not what it must be`);
