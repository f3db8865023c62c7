// The addresses of hosts, for a program that must not wait for the resolver: it may take long to
// answer, or never do.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Resolves with the address of a host, or rejects. */
export type LookUp = (host: string) => Promise<string>;

export const systemLookUp: LookUp = async (host) => (await lookup(host)).address;

/** Most resolvers have answered by then. */
const patienceMs = 1_000;
const retryMs = 5_000;

interface Host {
  address?: string;
  /** Settles once the address is known, or was waited for long enough. */
  readonly waited: Promise<unknown>;
  readonly forgotten: AbortController;
}

export class HostAddresses {
  private readonly hosts = new Map<string, Host>();
  /** One at a time: each has one of node's few threads, which are needed to read files, too. */
  private turn: Promise<unknown> = Promise.resolve();

  /** `onFound`: an address is known now. */
  constructor(
    private readonly lookUp: LookUp,
    private readonly onFound: () => void,
  ) {}

  /** undefined while it is not known. */
  of(host: string): string | undefined {
    return isIP(host) === 0 ? this.hosts.get(host)?.address : host;
  }

  /** Looks up these hosts and forgets the others; resolves within 1 s, even if some are unknown. */
  async follow(hosts: readonly string[]): Promise<void> {
    const followed = new Set(hosts.filter((host) => isIP(host) === 0));
    for (const [name, { forgotten }] of this.hosts)
      if (!followed.has(name)) {
        this.hosts.delete(name);
        forgotten.abort();
      }
    for (const name of followed) if (!this.hosts.has(name)) this.begin(name);
    await Promise.all([...this.hosts.values()].map(({ waited }) => waited));
  }

  private begin(name: string): void {
    const forgotten = new AbortController();
    const { signal } = forgotten;
    const late = pause(patienceMs, undefined, { signal, ref: false }).catch(() => {});
    const found = this.find(name, signal);
    this.hosts.set(name, { waited: Promise.race([found, late]), forgotten });
  }

  private async find(name: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const answer = this.turn.then(() => this.lookUp(name)).catch(() => undefined);
      this.turn = answer;
      const address = await answer;
      const host = this.hosts.get(name);
      if (signal.aborted || host === undefined) return;
      if (address !== undefined) {
        host.address = address;
        this.onFound();
        return;
      }
      await pause(retryMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
