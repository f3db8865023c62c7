// Caches the client's part of the configuration until the file changes, since parsing slows the
// start.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { MungeOptions } from "./credential.js";
import type { Address } from "./http/request.js";
import { privateName, readPrivate, writePrivate } from "./private-files.js";
import { requireTrusted } from "./trusted-path.js";

export interface ClientSettings {
  readonly configFile: string;
  readonly address: Address;
  readonly munge: MungeOptions;
  /** Ports for the connections of `glean run`; null: any free one. */
  readonly runPorts: readonly [number, number] | null;
}

/** Equals configPath() in config.ts, which would load YAML and zod; a test compares the two. */
export function configFileOf(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return resolve(option ?? environment.GLEANER_CONF ?? "/etc/gleaner/gleaner.yaml");
}

/** Reads the cache, or the file if it changed; throws CONFIG as loadConfig does. */
export async function readSettings(
  configFile: string,
  cacheDirectory: string | null,
): Promise<ClientSettings> {
  // The file decides where root's credentials go, so root trusts only a protected one.
  if (process.geteuid!() === 0) requireTrusted(configFile);
  const mark = markOf(configFile);
  const name = privateName("settings", configFile);
  if (cacheDirectory !== null && mark !== null) {
    const kept = understand(readPrivate(cacheDirectory, name), configFile, mark);
    if (kept !== null) return kept;
  }
  const { loadConfig } = await import("../config.js");
  const { listen, munge, run } = loadConfig(configFile);
  const host = reachable(listen.host);
  const tls = listen.tls === null ? undefined : { caFile: listen.tls.ca, name: host };
  const address = { host, port: listen.apiPort, ...(tls !== undefined && { tls }) };
  const runPorts = run.ports === null ? null : ([run.ports[0]!, run.ports[1]!] as const);
  const settings = { configFile, address, munge, runPorts };
  if (cacheDirectory !== null && mark !== null)
    writePrivate(cacheDirectory, name, JSON.stringify({ ...settings, mark }));
  return settings;
}

/** Identifies a version of the file; null if it cannot be examined. */
function markOf(file: string): string | null {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch {
    return null;
  }
}

function understand(text: string | null, configFile: string, mark: string): ClientSettings | null {
  if (text === null) return null;
  try {
    const kept = JSON.parse(text) as Partial<ClientSettings> & { mark?: unknown };
    const { address, munge, runPorts } = kept;
    if (kept.mark !== mark || kept.configFile !== configFile) return null;
    if (typeof address?.host !== "string" || !Number.isInteger(address.port)) return null;
    if (typeof munge?.daemonUser !== "string") return null;
    if (munge.socket !== null && typeof munge.socket !== "string") return null;
    const isRange = Array.isArray(runPorts) && runPorts.length === 2;
    if (runPorts !== null && !(isRange && runPorts.every(Number.isInteger))) return null;
    const { host, port, tls } = address;
    if (tls !== undefined && (typeof tls.caFile !== "string" || typeof tls.name !== "string"))
      return null;
    const reached = { host, port, ...(tls !== undefined && { tls }) };
    return { configFile, address: reached, munge, runPorts };
  } catch {
    return null;
  }
}

/** A daemon that listens on all addresses is reached through the loopback address. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
