// The messages of the worker protocol, and how each stands in its frame.

import {
  decodeFields,
  decodeText,
  encodeFields,
  type Fields,
  numberField,
  requiredField,
} from "./fields.js";
import { FrameError } from "./framing.js";
import { maxCallNameBytes, maxContentTypeBytes, maxMessageBytes, maxStackBytes } from "./limits.js";

/** What a worker says of itself first: shown to people, never believed. */
export interface Hello {
  readonly lowestVersion: number;
  readonly highestVersion: number;
  /** `node`, `python`, `native`, `exec`, or the name of a runtime that others wrote. */
  readonly runtime: string;
  readonly languageVersion: string;
}

/** What a worker is to run. */
export interface Load {
  readonly protocolVersion: number;
  /** The folder of the bundle's files; read-only. */
  readonly directory: string;
  /** If omitted, the runtime finds the handler by its own rules. */
  readonly handler?: string | undefined;
  /** How many calls may run at once in this worker. */
  readonly concurrency: number;
  /** A larger output is an error of the call. */
  readonly outputLimitBytes: number;
  /** What one call prints beyond it is dropped. */
  readonly logLimitBytes: number;
  /** The content type of results whose runtime cannot tell it. */
  readonly outputType?: string | undefined;
  /**
   * Variables of a worker that was not started for this function; with them its working directory
   * becomes `directory`.
   */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

export interface Loaded {
  /** How many calls the worker runs at once: at most what was asked for. */
  readonly concurrency: number;
}

/**
 * Whose fault: the handler threw, its input could not be read, its output could not be sent, it
 * ended the process, or it obeyed a cancel.
 */
export const errorKinds = ["exception", "input", "output", "exit", "cancelled"] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** An error of the user's code, in its own words. */
export interface HandlerError {
  readonly kind: ErrorKind;
  /** The class of the exception. */
  readonly type: string;
  readonly message: string;
  /** Without the runtime's own frames; empty if there is none. */
  readonly stack: string;
}

/** What a call says beside its input. */
export interface CallHead {
  /** The time that is left for it; 0 if there is no limit. */
  readonly deadlineMs: number;
  /** From 1. */
  readonly attempt: number;
  /** Empty for bytes without a type. */
  readonly contentType: string;
  /** How people know the call. */
  readonly name: string;
}

/** Where a forked worker connects to, and what it sends there before its hello. */
export interface Fork {
  readonly path: string;
  readonly token: string;
  /**
   * Sent on a second connection, which becomes the worker's standard output and error; if omitted,
   * it has its parent's.
   */
  readonly outputToken?: string | undefined;
}

/** As its parent saw the end of a worker; `signal` is 0 if it exited. */
export interface ChildEnd {
  readonly exitCode: number;
  readonly signal: number;
}

/** Why who says it ends. */
export interface Bye {
  readonly reason: string;
  /**
   * A call that has ended and whose handler ends the worker nevertheless, such as in a timer; 0 if
   * the worker ends while no call runs in it. Calls without an answer are not to blame.
   */
  readonly endedBy?: number | undefined;
}

export const logStreams = ["stdout", "stderr"] as const;
export type LogStream = (typeof logStreams)[number];

export const encodeHello = (hello: Hello): Buffer => encodeFields({ ...hello });
export function decodeHello(payload: Uint8Array): Hello {
  const fields = decodeFields(payload);
  return {
    lowestVersion: requiredNumber(fields, "lowestVersion"),
    highestVersion: requiredNumber(fields, "highestVersion"),
    runtime: requiredField(fields, "runtime"),
    languageVersion: requiredField(fields, "languageVersion"),
  };
}

export const encodeLoad = ({ environment, ...load }: Load): Buffer =>
  encodeFields({ ...load, environment: environment && JSON.stringify(environment) });
export function decodeLoad(payload: Uint8Array): Load {
  const fields = decodeFields(payload);
  return {
    protocolVersion: requiredNumber(fields, "protocolVersion"),
    directory: requiredField(fields, "directory"),
    handler: fields.handler,
    concurrency: requiredNumber(fields, "concurrency"),
    outputLimitBytes: requiredNumber(fields, "outputLimitBytes"),
    logLimitBytes: requiredNumber(fields, "logLimitBytes"),
    outputType: fields.outputType,
    environment: fields.environment === undefined ? undefined : readEnvironment(fields.environment),
  };
}

function readEnvironment(text: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    throw new FrameError("GARBAGE", "the environment of a load is no JSON");
  }
}

export const encodeLoaded = (loaded: Loaded): Buffer => encodeFields({ ...loaded });
export const decodeLoaded = (payload: Uint8Array): Loaded => ({
  concurrency: requiredNumber(decodeFields(payload), "concurrency"),
});

export const encodeError = ({ kind, type, message, stack }: HandlerError): Buffer =>
  encodeFields({
    kind,
    type: cut(type, maxContentTypeBytes),
    message: cut(message, maxMessageBytes),
    stack: cut(stack, maxStackBytes),
  });
export function decodeError(payload: Uint8Array): HandlerError {
  const fields = decodeFields(payload);
  const kind = errorKinds.find((each) => each === fields.kind);
  if (kind === undefined) throw new FrameError("GARBAGE", "an error has an unknown kind");
  return {
    kind,
    type: requiredField(fields, "type"),
    message: requiredField(fields, "message"),
    stack: requiredField(fields, "stack"),
  };
}

export const encodeBye = (reason: string, endedBy?: number): Buffer =>
  encodeFields({ reason: cut(reason, maxMessageBytes), endedBy });
export function decodeBye(payload: Uint8Array): Bye {
  const fields = decodeFields(payload);
  const endedBy = fields.endedBy === undefined ? undefined : requiredNumber(fields, "endedBy");
  return { reason: fields.reason ?? "", endedBy };
}

export const encodeFork = (fork: Fork): Buffer => encodeFields({ ...fork });
/** The process id of the child, as the parent says. */
export function decodeForked(payload: Uint8Array): number {
  const pid = requiredNumber(decodeFields(payload), "pid");
  if (pid < 2) throw new FrameError("GARBAGE", "a forked worker has an impossible process id");
  return pid;
}
export function decodeChildEnd(payload: Uint8Array): ChildEnd {
  const fields = decodeFields(payload);
  return { exitCode: requiredNumber(fields, "exitCode"), signal: requiredNumber(fields, "signal") };
}

const fixedCallBytes = 8;

/** Throws RangeError if a text is too long. */
export function encodeCallHead({ deadlineMs, attempt, contentType, name }: CallHead): Buffer {
  const typeBytes = boundedLength(contentType, maxContentTypeBytes, "content type");
  const nameBytes = boundedLength(name, maxCallNameBytes, "call's name");
  const head = Buffer.allocUnsafe(fixedCallBytes + typeBytes + nameBytes);
  head.writeUInt32LE(deadlineMs, 0);
  head.writeUInt16LE(attempt, 4);
  head.writeUInt16LE(typeBytes, 6);
  head.write(contentType, fixedCallBytes);
  head.write(name, fixedCallBytes + typeBytes);
  return head;
}

export function decodeCallHead(metadata: Buffer): CallHead {
  if (metadata.length < fixedCallBytes) throw new FrameError("GARBAGE", "a call is too short");
  const nameAt = fixedCallBytes + metadata.readUInt16LE(6);
  if (nameAt > metadata.length) throw new FrameError("GARBAGE", "a call's content type is cut off");
  return {
    deadlineMs: metadata.readUInt32LE(0),
    attempt: metadata.readUInt16LE(4),
    contentType: decodeText(metadata, fixedCallBytes, nameAt),
    name: decodeText(metadata, nameAt),
  };
}

/** The metadata of a result is its content type alone. */
export function encodeContentType(contentType: string): Buffer {
  boundedLength(contentType, maxContentTypeBytes, "content type");
  return Buffer.from(contentType);
}
export const decodeContentType = (metadata: Uint8Array): string => decodeText(metadata);

export const encodeLogStream = (stream: LogStream): Buffer =>
  Buffer.from([logStreams.indexOf(stream) + 1]);
export function decodeLogStream(metadata: Uint8Array): LogStream {
  const stream = metadata.length === 1 ? logStreams[metadata[0]! - 1] : undefined;
  if (stream === undefined) throw new FrameError("GARBAGE", "a log is of no known stream");
  return stream;
}

function requiredNumber(fields: Fields, name: string): number {
  requiredField(fields, name);
  return numberField(fields, name)!;
}

function boundedLength(text: string, limit: number, what: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes > limit)
    throw new RangeError(`a ${what} of ${bytes} bytes is over the limit of ${limit}`);
  return bytes;
}

/** The beginning of a text, cut between characters. */
export function cut(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return bytes.toString();
  let end = limit;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
