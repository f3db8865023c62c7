// The code of functions on a simulated node's disk: fetched once from gleanerd, checked by its
// hash, and damaged now and then.

import { BundleArrivals } from "../../../src/executor/workers/bundle-arrivals.js";
import { GleanerError } from "../../../src/model/errors.js";
import type { VersionId } from "../../../src/model/ids.js";
import type { SimulatedNode } from "../site/node.js";
import type { World } from "../site/world.js";
import type { Process } from "../timeline.js";
import { hashOf } from "./bundles.js";

export class NodeCode {
  private readonly folders = new Map<VersionId, Promise<string>>();
  private readonly arrivals: BundleArrivals;

  constructor(
    private readonly world: World,
    private readonly node: SimulatedNode,
    private readonly process: Process,
    ask: (version: VersionId) => void,
  ) {
    this.arrivals = new BundleArrivals(ask);
  }

  folderOf(version: VersionId): Promise<string> {
    const known = this.folders.get(version);
    if (known !== undefined) return known;
    const folder = this.find(version);
    this.folders.set(version, folder);
    folder.catch(() => this.folders.delete(version));
    return folder;
  }

  arrived(...message: Parameters<BundleArrivals["arrived"]>): void {
    this.arrivals.arrived(...message);
  }

  disconnected(): void {
    this.arrivals.disconnected();
  }

  private async find(version: VersionId): Promise<string> {
    const { node, world } = this;
    const folder = `${codeFolder}${version}`;
    await this.pause(world.chance.ms(0.2, 3));
    const isIntact = world.chance.happens(0.98);
    if (node.code.has(version) && isIntact) return folder;
    const parts: Uint8Array[] = [];
    for await (const part of this.arrivals.fetch(version)) parts.push(part);
    await this.pause(world.chance.ms(0.5, 20));
    const bundle = Buffer.concat(parts);
    if (hashOf(bundle) !== version)
      throw new GleanerError("PROTOCOL", "the bundle that arrived is another one");
    this.process.act(() => node.code.set(version, bundle));
    world.books.counts.fetched++;
    return folder;
  }

  private pause(forMs: number): Promise<void> {
    return new Promise((resolve) => this.world.within(this.process, forMs, resolve));
  }
}

export const codeFolder = "/simulated/code/";
