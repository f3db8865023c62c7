// A site whose Slurm is on paper: a real gleanerd with everything but batch jobs, on this machine.

import { userInfo } from "node:os";
import { paperPrograms, startPaperCluster } from "../cluster/paper.js";
import { claimSitePorts, configure, install, type SitePorts, siteFiles } from "./settings.js";
import { Site } from "./site.js";

export interface PaperSiteOptions {
  readonly dir: string;
  readonly nodes: number;
  readonly cpus: number;
  readonly memoryMb: number;
  /** Sections of gleaner.yaml with keys that differ from a site's defaults. */
  readonly config?: Record<string, Record<string, unknown>>;
}

/** Starts munged and gleanerd; they end with stop(). */
export async function startPaperSite(options: PaperSiteOptions): Promise<Site> {
  const ports = await claimSitePorts();
  try {
    return await startOn(ports, options);
  } catch (thrown) {
    ports.release();
    throw thrown;
  }
}

async function startOn(
  ports: SitePorts,
  { config = {}, ...options }: PaperSiteOptions,
): Promise<Site> {
  const files = siteFiles(options.dir);
  const controller = "127.0.0.1";
  install(files, ports, controller);
  const [prolog, epilog] = [files.program("glean-prolog"), files.program("glean-epilog")];
  const cluster = await startPaperCluster({ ...options, prolog, epilog });
  try {
    const slurm = { binDirectory: paperPrograms(cluster.dir), ...config.slurm };
    const who = { controller, daemonUser: userInfo().username };
    configure(files, cluster, ports, who, { ...config, slurm });
    const site = new Site(cluster, files, ports, controller, {
      account: null,
      program: files.daemon,
    });
    await site.startDaemon();
    return site;
  } catch (thrown) {
    await cluster.stop();
    throw thrown;
  }
}
