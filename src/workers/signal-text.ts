// The number of a signal that killed a process, with what people know it by.

import { constants } from "node:os";

const meanings: Readonly<Record<string, string>> = {
  SIGILL: "an invalid instruction, as of a library for another processor",
  SIGABRT: "it called abort, as a failed assertion does",
  SIGBUS: "access to memory that a file or the node does not have",
  SIGFPE: "a division by zero",
  SIGSEGV: "access to memory that it does not have",
};

/** Such as `signal 11 (SIGSEGV: access to memory that it does not have)`. */
export function signalText(signal: number): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  if (name === undefined) return `signal ${signal}`;
  const meaning = meanings[name];
  return `signal ${signal} (${name}${meaning === undefined ? "" : `: ${meaning}`})`;
}
