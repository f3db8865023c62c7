// The settings of a function's version, its manifest in a bundle, and who may call the function.

import type { Shaped } from "../shaped.js";
import type { functionSettings, manifest, requestedSettings } from "../shapes/function.js";

/** With the site's defaults filled in; a version keeps them as long as it exists. */
export type FunctionSettings = Shaped<typeof functionSettings>;

export type FunctionRuntime = FunctionSettings["runtime"];

export const runtimes: readonly FunctionRuntime[] = ["node", "python", "native", "exec"];

/** As deployed; null means the site's default. */
export type RequestedSettings = Shaped<typeof requestedSettings>;

export type Manifest = Shaped<typeof manifest>;

/** Where workers look up programs if their function's environment does not say. */
export const defaultPath = "/usr/local/bin:/usr/bin:/bin";

/** Settings that were not given. */
export const unsetSettings: Omit<RequestedSettings, "runtime"> = {
  handler: null,
  cores: 1,
  memoryMb: null,
  gpus: 0,
  timeLimitMs: null,
  concurrency: 1,
  environment: {},
  minWarm: 0,
  idleTimeoutMs: null,
  python: null,
  setup: null,
  image: null,
  fork: true,
};

/**
 * The manifest's text, in which equal settings are equal bytes: keys are sorted, and there is no
 * white space. A version is the hash of a bundle that begins with it, so other settings are another
 * version.
 */
export const manifestText = (settings: RequestedSettings): string =>
  canonical({ format: 1, settings } satisfies Manifest);

function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}

/** Who may call a function besides its owner. It belongs to the function, not to a version. */
export type Sharing = "none" | "all" | `group:${string}`;

/** A Unix group's name as directories have it. */
const groupShape = /^group:(?!-)[^\s:,/\p{C}]{1,256}$/u;

export const isSharing = (text: string): text is Sharing =>
  text === "none" || text === "all" || groupShape.test(text);

/** The group that a function is shared with; null if it is shared with nobody or everybody. */
export const groupOf = (sharing: Sharing): string | null =>
  sharing.startsWith("group:") ? sharing.slice("group:".length) : null;

/**
 * Whether a worker may begin with a spare process of its user. Python has parents, the other
 * runtimes start as fast, and a setup runs in the folder of the code, which a spare does not have.
 */
export const beginsWithSpare = (
  { runtime, image, setup }: Pick<FunctionSettings, "runtime" | "image" | "setup">,
  gpus: number,
): boolean => runtime === "node" && image === null && setup === null && gpus === 0;
