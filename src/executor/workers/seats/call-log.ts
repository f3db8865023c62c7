// What one call printed: the end of it, within a limit.

/** A stack trace and some progress; more belongs into a file. */
const maxLogBytes = 64 * 1024;

export class CallLog {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private dropped = 0;

  add(piece: Buffer): void {
    // A copy, so that a few bytes do not keep a whole read in memory.
    this.pieces.push(Buffer.from(piece.subarray(-maxLogBytes)));
    this.dropped += Math.max(0, piece.length - maxLogBytes);
    this.bytes += Math.min(piece.length, maxLogBytes);
    while (this.bytes - this.pieces[0]!.length >= maxLogBytes) {
      const oldest = this.pieces.shift()!;
      this.bytes -= oldest.length;
      this.dropped += oldest.length;
    }
  }

  /** The last bytes, after a line that says how many came before; null if it printed nothing. */
  take(): Buffer | null {
    if (this.bytes === 0) return null;
    const kept = Buffer.concat(this.pieces).subarray(-maxLogBytes);
    const dropped = this.dropped + this.bytes - kept.length;
    return dropped === 0
      ? kept
      : Buffer.concat([Buffer.from(`[the first ${dropped} bytes were dropped]\n`), kept]);
  }
}
