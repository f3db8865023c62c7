// Bundles on their way from gleanerd: each is asked for once and arrives in pieces, in order.

import { GleanerError } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import type { BundleMessage } from "../../wire/calls.js";

interface Arriving {
  pieces: Uint8Array[];
  expectedOffset: number;
  wake: () => void;
  failure: GleanerError | null;
  /** Nothing more of it will come. */
  isOver: boolean;
  /** Nobody reads it any more. */
  isGivenUp: boolean;
}

export class BundleArrivals {
  private readonly arriving = new Map<VersionId, Arriving>();

  /** `ask` sends for a version; its parts come to `arrived`. */
  constructor(private readonly ask: (version: VersionId) => void) {}

  arrived(message: BundleMessage): void {
    const arriving = this.arriving.get(message.version);
    if (arriving === undefined) return; // asked for on an earlier connection
    if (message.type === "bundleRefused") {
      const code = message.isLost ? "STORE" : "NOT_FOUND";
      this.over(message.version, arriving, new GleanerError(code, message.reason));
      return;
    }
    const { offset, bytes, isLast } = message;
    if (offset < arriving.expectedOffset) return; // it came twice
    if (offset > arriving.expectedOffset)
      arriving.failure ??= new GleanerError("PROTOCOL", "a part of the bundle is missing");
    arriving.expectedOffset = offset + bytes.length;
    if (!arriving.isGivenUp) arriving.pieces.push(bytes);
    if (isLast) this.over(message.version, arriving, null);
    else arriving.wake();
  }

  /** The connection is lost, and with it what was on its way. */
  disconnected(): void {
    const lost = new GleanerError("UNREACHABLE", "the connection to gleanerd was lost");
    for (const [version, arriving] of this.arriving)
      if (!arriving.isOver) this.over(version, arriving, lost);
  }

  private over(version: VersionId, arriving: Arriving, failure: GleanerError | null): void {
    arriving.failure ??= failure;
    arriving.isOver = true;
    if (arriving.isGivenUp) this.arriving.delete(version);
    arriving.wake();
  }

  /** Asks for a version; throws a GleanerError if it cannot be had. */
  async *fetch(version: VersionId): AsyncGenerator<Uint8Array> {
    // The rest of one that was given up would be taken for a part of this one.
    for (;;) {
      const before = this.arriving.get(version);
      if (before === undefined) break;
      await change(before);
    }
    const arriving: Arriving = {
      pieces: [],
      expectedOffset: 0,
      wake: () => {},
      failure: null,
      isOver: false,
      isGivenUp: false,
    };
    this.arriving.set(version, arriving);
    this.ask(version);
    try {
      for (;;) {
        if (arriving.failure !== null) throw arriving.failure;
        const piece = arriving.pieces.shift();
        if (piece !== undefined) yield piece;
        else if (arriving.isOver) return;
        else await change(arriving);
      }
    } finally {
      arriving.isGivenUp = true;
      arriving.pieces = [];
      if (arriving.isOver) this.arriving.delete(version);
    }
  }
}

const change = (arriving: Arriving): Promise<void> =>
  new Promise((resolve) => {
    arriving.wake = resolve;
  });
