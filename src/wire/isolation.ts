// The settings of a function's process: the site's isolation, as sent to an executor at its launch,
// and what a batch job would get of its submitter's shell, as sent with an order.

import { integer, list, object, oneOf, optional, orNull, pattern, text, truth } from "./shape.js";

/** glean-spawn's limit. */
const maxPrivateDirectories = 8;

/** The site's isolation of functions, in addition to what every site has. */
export interface Isolation {
  /** Empty for each function, and removed with it. */
  readonly privateDirectories: readonly string[];
  /** Whether functions may create user namespaces, as rootless containers do. */
  readonly userNamespaces: boolean;
  /** Whether functions may use the system calls with which attacks on kernels begin. */
  readonly rareSystemCalls: boolean;
  /** The PAM service whose session sets users' limits; null if there is none. */
  readonly pamService: string | null;
}

/** Only what every site has. */
export const noIsolation: Isolation = {
  privateDirectories: [],
  userNamespaces: true,
  rareSystemCalls: true,
  pamService: null,
};

export const isolation = object<Isolation>({
  privateDirectories: list(pattern(/^\/.{1,4000}$/), maxPrivateDirectories),
  userNamespaces: truth,
  rareSystemCalls: truth,
  pamService: orNull(pattern(/^[A-Za-z0-9_-]{1,64}$/)),
});

/** Linux's PATH_MAX. */
const maxPathLength = 4_096;

export const shellFields = {
  stdinPath: optional(text(maxPathLength)),
  openMode: optional(oneOf("append", "truncate")),
  keepSinceMs: optional(integer(1)),
  umask: optional(integer(0, 0o777)),
  temporaryMb: optional(integer(1)),
  limits: optional(list(pattern(/^[a-z]{1,16}:(\d{1,15}|unlimited)$/), 16)),
};
