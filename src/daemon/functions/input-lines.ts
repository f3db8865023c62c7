// The inputs of a map as lines of JSON: kept as they came, byte for byte.

import { isUtf8 } from "node:buffer";
import { maxInlineBytes } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import { frameOf, tooLarge } from "../../wire/api/input-frames.js";

const lineFeed = 0x0a;
const contentType = "application/json";

/** Cuts a stream of lines into frames; throws BAD_REQUEST for a line that is not JSON. */
export class LineReader {
  private rest: Buffer = Buffer.alloc(0);
  private number = 0;

  take(chunk: Uint8Array): Buffer[] {
    const bytes = Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, at)) {
      this.add(bytes.subarray(at, end), frames);
      at = end + 1;
    }
    this.rest = bytes.subarray(at);
    if (this.rest.length > maxInlineBytes + 1)
      throw tooLarge(`line ${this.number + 1}`, this.rest.length);
    return frames;
  }

  /** The last line may lack its line feed. */
  end(): Buffer[] {
    const frames: Buffer[] = [];
    this.add(this.rest, frames);
    return frames;
  }

  private add(line: Buffer, frames: Buffer[]): void {
    this.number++;
    const text = line.toString("utf8").trim();
    if (text === "") return;
    const body = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
    if (body.length > maxInlineBytes) throw tooLarge(`line ${this.number}`, body.length);
    if (!isUtf8(body)) throw this.bad("it is not UTF-8");
    try {
      JSON.parse(text);
    } catch (cause) {
      throw this.bad(messageOf(cause));
    }
    frames.push(frameOf({ contentType, body }));
  }

  private bad(why: string): GleanerError {
    return new GleanerError(
      "BAD_REQUEST",
      `line ${this.number} is not JSON (${why}): send one input a line, or frames for other types`,
    );
  }
}
