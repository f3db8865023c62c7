// The site's isolation settings for functions, as sent to an executor at its launch.

import { list, object, orNull, pattern, truth } from "./shape.js";

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
