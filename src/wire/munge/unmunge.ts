// What unmunge prints of a credential: its fields, its payload, and why munge rejected it. Reasons
// name this machine, because the user reads them on another one.

import { hostname } from "node:os";

/** For its option --keys, what the reason for a rejection needs. */
export const rejectionKeys = "STATUS,ENCODE_TIME,DECODE_TIME,TTL";

export interface Unmunged {
  /** Empty for a field that is missing. */
  readonly fieldOf: (key: string) => string;
  readonly payload: string;
  /** null if munge accepted the credential. */
  readonly rejection: string | null;
}

/** Parses `KEY: value` lines, an empty line, the payload. */
export function readUnmunge(output: string): Unmunged {
  const end = output.indexOf("\n\n");
  const head = end < 0 ? output : output.slice(0, end);
  const fields = new Map(
    head.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const fieldOf = (key: string): string => fields.get(key) ?? "";
  const isAccepted = fieldOf("STATUS") === "Success (0)";
  return {
    fieldOf,
    payload: end < 0 ? "" : output.slice(end + 2),
    rejection: isAccepted ? null : rejectionOf(fieldOf),
  };
}

/** The statuses with which unmunge exits without fields (munge.h). */
const munged = 6;
const invalid = 14;
const unauthorized = 18;

export interface UnmungeError {
  /** The credential is not to blame. */
  readonly isUnreachable: boolean;
  readonly reason: string;
}

/** `said` is what unmunge printed on standard error; `exitCode` is null if it was killed. */
export function readUnmungeError(exitCode: number | null, said: string): UnmungeError {
  const error = said.trim().replace(/^unmunge: Error:\s*/, "") || "no output";
  const isUnreachable = exitCode === null || exitCode === munged;
  const hint = isUnreachable
    ? `check that munged is running on ${hostname()}`
    : hints[exitCode]?.();
  return { isUnreachable, reason: hint === undefined ? error : `${error}: ${hint}` };
}

const hints: Readonly<Record<number, () => string>> = {
  [invalid]: () => `check that ${hostname()} and the machine that made it have the same munge key`,
  [unauthorized]: () => "check that munge.daemonUser is the user that gleanerd runs as",
};

function rejectionOf(fieldOf: Unmunged["fieldOf"]): string {
  const status = fieldOf("STATUS") || "no status";
  const [madeS, readS] = [secondsOf(fieldOf("ENCODE_TIME")), secondsOf(fieldOf("DECODE_TIME"))];
  if (madeS === null || readS === null) return status;
  const setClocks = `check the time (date) on ${hostname()} and on the machine that made it`;
  if (status.startsWith("Rewound"))
    return `${status}: it will be made in ${madeS - readS} s by the clock of ${hostname()}: ${setClocks}`;
  if (status.startsWith("Expired"))
    return `${status}: it was made ${readS - madeS} s ago by the clock of ${hostname()}, and is valid for ${fieldOf("TTL")} s: ${setClocks}`;
  return status;
}

/** The number in `2026-11-30 00:16:24 +0000 (1795997784)`. */
function secondsOf(field: string): number | null {
  const seconds = /\((\d{1,12})\)$/.exec(field)?.[1];
  return seconds === undefined ? null : Number(seconds);
}
