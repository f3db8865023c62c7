// A whole site of several hosts: slurmd, sshd and executors in each, slurmctld and gleanerd on this
// machine.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siteFiles } from "../../../scripts/site/settings.js";
import { startSite } from "../../../scripts/site/site.js";
import { startSshd, type TestSshd } from "../launch/sshd.js";
import { type Host, Network } from "./hosts.js";
import { TestSite } from "./site.js";

export interface HostSiteOptions {
  /** One host each, named n1, n2, … */
  readonly nodes: number;
  readonly cpus: number;
  /** Programs of this machine that cannot be run on hosts. */
  readonly without?: readonly string[];
  /** Keys of gleaner.yaml's placement.ssh, and its other sections. */
  readonly ssh: Record<string, unknown>;
  readonly config: Record<string, Record<string, unknown>>;
}

export interface HostSite {
  readonly at: TestSite;
  /** By node name. */
  readonly hosts: Readonly<Record<string, Host>>;
  readonly sshds: Record<string, TestSshd>;
  /** The file of host keys, empty at first. */
  readonly knownHosts: string;
  /** Where what is brought lies on hosts; each has a folder of its own there. */
  readonly brought: string;
  startSshd(node: string): Promise<TestSshd>;
  stop(): Promise<void>;
}

export async function startHostSite(options: HostSiteOptions): Promise<HostSite> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-keys-"));
  const dir = mkdtempSync(join(tmpdir(), "gleaner-hosts-"));
  const network = await Network.open();
  const remove = async () => {
    await network.close();
    for (const each of [folder, dir]) rmSync(each, { recursive: true, force: true });
  };
  try {
    return await makeSite(folder, dir, network, options, remove);
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}

async function makeSite(
  folder: string,
  dir: string,
  network: Network,
  { nodes, cpus, ssh, config, without }: HostSiteOptions,
  remove: () => Promise<void>,
): Promise<HostSite> {
  const files = siteFiles(dir);
  const brought = join(files.home, "brought");
  const ownFolders = [files.run, files.logs, brought];
  for (const each of ownFolders) mkdirSync(each, { recursive: true });
  const hosts: Record<string, Host> = {};
  const sshds: Record<string, TestSshd> = {};
  for (let number = 1; number <= nodes; number++)
    hosts[`n${number}`] = await network.addHost(`n${number}`, ownFolders, without);
  const openSshd = async (node: string) => {
    const { address, enter } = hosts[node]!;
    const keys = join(folder, node);
    mkdirSync(keys, { recursive: true });
    sshds[node] = await startSshd(keys, { address, port: 22, enter, clientKeys: folder });
    return sshds[node];
  };
  await Promise.all(Object.keys(hosts).map(openSshd));
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, "");
  const settings = { privateKey: join(folder, "client"), knownHosts, directory: brought, ...ssh };
  const placement = { launcher: "ssh", ssh: settings };
  const site = await startSite({
    dir,
    nodes,
    cpus,
    hosts: { controller: network.controller, nodes: hosts },
    config: { ...config, placement },
  });
  const stop = async () => {
    await site.stop();
    await remove();
  };
  return { at: new TestSite(site), hosts, sshds, knownHosts, brought, startSshd: openSshd, stop };
}
