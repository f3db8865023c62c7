// Follows what one call prints while it runs, line by line.

import { type CallLog, type GleanerClient, patiently } from "../../sdk/index.js";

export const gaveUp = "gleanerd did not answer for 10 minutes: follow the logs again later";

export class CallFollower {
  private next = 0;
  private attempt = 0;
  /** The beginning of a line. */
  private begun = "";

  constructor(
    private readonly client: Pick<GleanerClient, "callLog">,
    private readonly id: string,
  ) {}

  /** The lines that it has printed since the last look; at its end also one without a newline. */
  async read(): Promise<{ readonly text: string; readonly isOver: boolean }> {
    let log = await this.ask();
    if (log.attempt !== this.attempt) {
      this.attempt = log.attempt;
      const isAgain = this.next > 0;
      this.next = 0;
      if (isAgain) log = await this.ask();
    }
    this.next = log.next;
    const text = this.begun + log.text;
    const end = log.isOver ? text.length : text.lastIndexOf("\n") + 1;
    this.begun = text.slice(end);
    return { text: text.slice(0, end), isOver: log.isOver };
  }

  private ask(): Promise<CallLog> {
    return patiently(() => this.client.callLog(this.id, this.next), gaveUp);
  }
}
