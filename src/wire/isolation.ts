// What a site keeps functions from, as an executor is told with its launch.

import { list, object, orNull, pattern, truth } from "./shape.js";

/** As many as glean-spawn takes. */
const maxPrivateDirectories = 8;

/** What a site keeps functions from, beside what every site does. */
export interface Isolation {
  /** Empty for each function, and gone with it. */
  readonly privateDirectories: readonly string[];
  /** Whether functions may make user namespaces, as containers without root do. */
  readonly userNamespaces: boolean;
  /** Whether functions may make the system calls that attacks on kernels begin with. */
  readonly rareSystemCalls: boolean;
  /** The PAM service whose session gives users their limits; null: none. */
  readonly pamService: string | null;
}

/** Nothing beside what every site does. */
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
