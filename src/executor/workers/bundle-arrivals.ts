// Bundles on their way from gleanerd: each is asked for once and arrives in pieces, in order.

import { GleanerError } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import type { BundleMessage } from "../../wire/calls.js";

interface Arriving {
  readonly pieces: (Uint8Array | null)[];
  expectedOffset: number;
  wake: () => void;
  failure: GleanerError | null;
}

export class BundleArrivals {
  private readonly arriving = new Map<VersionId, Arriving>();

  /** `ask` sends for a version; its parts come to `arrived`. */
  constructor(private readonly ask: (version: VersionId) => void) {}

  arrived(message: BundleMessage): void {
    const arriving = this.arriving.get(message.version);
    if (arriving === undefined) return; // asked for on an earlier connection
    if (message.type === "bundleRefused")
      arriving.failure = new GleanerError("NOT_FOUND", message.reason);
    else if (message.offset !== arriving.expectedOffset)
      arriving.failure = new GleanerError("PROTOCOL", "a part of the bundle is missing");
    else {
      arriving.expectedOffset += message.bytes.length;
      arriving.pieces.push(message.bytes);
      if (message.isLast) arriving.pieces.push(null);
    }
    arriving.wake();
  }

  /** The connection is lost, and with it what was on its way. */
  disconnected(): void {
    for (const arriving of this.arriving.values()) {
      arriving.failure = new GleanerError("UNREACHABLE", "the connection to gleanerd was lost");
      arriving.wake();
    }
  }

  /** Asks for a version; throws a GleanerError if it cannot be had. */
  async *fetch(version: VersionId): AsyncGenerator<Uint8Array> {
    const arriving: Arriving = {
      pieces: [],
      expectedOffset: 0,
      wake: () => {},
      failure: null,
    };
    this.arriving.set(version, arriving);
    this.ask(version);
    try {
      for (;;) {
        if (arriving.failure !== null) throw arriving.failure;
        const piece = arriving.pieces.shift();
        if (piece === null) return;
        if (piece !== undefined) yield piece;
        else
          await new Promise<void>((resolve) => {
            arriving.wake = resolve;
          });
      }
    } finally {
      this.arriving.delete(version);
    }
  }
}
