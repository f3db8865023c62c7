// Takes a result from a worker: a small one in memory, a large one into the spool with its hash.

import { createHash, type Hash } from "node:crypto";
import { maxInlineBytes, type Payload } from "../../../model/call.js";
import { blobHash } from "../../../model/ids.js";
import type { OutputSink } from "../../../workers/sink-stream.js";
import type { SpoolFile } from "./spool.js";

/** One write to the file. */
const writeBytes = 256 * 1024;

export class ResultSink implements OutputSink {
  private contentType = "";
  private bytes = 0;
  private pieces: Buffer[] = [];
  private gathered = 0;
  private received = 0;
  private hash: Hash | null = null;
  private file: Promise<SpoolFile> | null = null;
  private written: Promise<void> = Promise.resolve();

  /**
   * `create` opens the file for a large result. `giveWay`: a write failed; resolves if it may
   * succeed now.
   */
  constructor(
    private readonly create: (bytes: number) => Promise<SpoolFile>,
    private readonly giveWay: (thrown: unknown) => Promise<void>,
  ) {}

  begin(contentType: string, outputBytes: number): void {
    this.contentType = contentType;
    this.bytes = outputBytes;
    if (outputBytes <= maxInlineBytes) return;
    this.hash = createHash("sha256");
    this.file = this.create(outputBytes);
    this.file.catch(() => {}); // the first write hears of it
  }

  write(piece: Buffer): void | Promise<void> {
    this.pieces.push(piece);
    this.gathered += piece.length;
    this.received += piece.length;
    if (this.hash === null) return;
    this.hash.update(piece);
    if (this.gathered < writeBytes && this.received < this.bytes) return;
    return this.flush();
  }

  /** Once all of it was taken. */
  get payload(): Payload {
    const { contentType, bytes, hash } = this;
    if (hash === null) return { contentType, body: Buffer.concat(this.pieces) };
    return { contentType, blob: blobHash(hash.digest("hex")), bytes };
  }

  private flush(): Promise<void> {
    const pieces = this.pieces;
    const at = this.received - this.gathered;
    [this.pieces, this.gathered] = [[], 0];
    this.written = this.written.then(async () => this.writeAll(await this.file!, pieces, at));
    return this.written;
  }

  private async writeAll(file: SpoolFile, pieces: readonly Buffer[], at: number): Promise<void> {
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    for (let done = 0; done < whole.length; )
      try {
        done += (await file.write(whole, done, whole.length - done, at + done)).bytesWritten;
      } catch (thrown) {
        await this.giveWay(thrown);
      }
  }
}
