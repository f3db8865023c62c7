// A content of unknown size on its way to the disk: room for it is made a step ahead.

const stepBytes = 4 * 1024 * 1024;

export class Counted implements AsyncIterable<Uint8Array> {
  /** The room that was made for it. */
  reserved = 0;
  private passed = 0;

  /** `makeRoom`: rejects if there is none. */
  constructor(
    private readonly content: AsyncIterable<Uint8Array>,
    private readonly makeRoom: (bytes: number) => Promise<void>,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.content) {
      this.passed += chunk.length;
      while (this.passed > this.reserved) {
        await this.makeRoom(stepBytes);
        this.reserved += stepBytes;
      }
      yield chunk;
    }
  }
}
