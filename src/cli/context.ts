// The context of every command: its environment, and a client created on first use.

// The index of the SDK would load calls and leases, too, which few commands need.
import { GleanerClient } from "../sdk/client.js";
import type { Ask } from "../sdk/http/request.js";
import { privateDirectory } from "../sdk/private-files.js";
import { type ClientSettings, configFileOf, readSettings } from "../sdk/settings.js";

/**
 * The exit statuses that the CLI promises. `interrupted` is what shells report for a program that
 * Ctrl-C ended.
 */
export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  interrupted: 130,
} as const;

interface ContextOptions {
  /** As --config says. */
  readonly configOption: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** For commands that may stand still while gleanerd answers. */
  readonly ask?: Ask | undefined;
}

export class Context {
  readonly environment: NodeJS.ProcessEnv;
  private readonly configOption: string | undefined;
  private readonly cacheDirectory: string | null;

  private readonly ask: Ask | undefined;

  constructor({ configOption, environment, ask }: ContextOptions) {
    this.environment = environment;
    this.configOption = configOption;
    this.ask = ask;
    this.cacheDirectory = privateDirectory(environment);
  }

  get configFile(): string {
    return configFileOf(this.configOption, this.environment);
  }

  settings(): Promise<ClientSettings> {
    return readSettings(this.configFile, this.cacheDirectory);
  }

  async client(): Promise<GleanerClient> {
    const { address, munge, configFile } = await this.settings();
    return new GleanerClient({
      address: { ...address, ask: this.ask },
      munge,
      cacheDirectory: this.cacheDirectory,
      cacheKey: configFile,
    });
  }
}

/**
 * Defines a command: adds its options to `command` and sets its action. With the `words` of a
 * command line it may leave out options that they do not mention; null for all, as for the help.
 */
export type Define = (
  command: import("commander").Command,
  run: Run,
  words: readonly string[] | null,
) => void;

/** Wraps an action: makes the context from the global options and keeps the exit status. */
export type Run = <Args extends unknown[]>(
  action: (context: Context, ...args: Args) => Promise<number>,
) => (...args: Args) => Promise<void>;
