// Keeps one connection for a program's calls, with its token, as long as gleanerd has such
// connections.

import { GleanerError } from "../../model/errors.js";
import type { Address, Exchange } from "../http/request.js";
import { unlessAborted } from "../repeat.js";
import type { Tokens } from "../tokens.js";
import type { CallLine, LineAnswer, LineRequest } from "./call-line.js";

export class Lines {
  private line: Promise<CallLine | null> | null = null;

  constructor(
    private readonly address: Address,
    private readonly tokens: Pick<Tokens, "get" | "renew">,
  ) {}

  /**
   * null if gleanerd, or something before it, has no such connections, or has no memory for the
   * input.
   */
  async call(
    request: LineRequest,
    { timeoutMs = 0, signal }: Pick<Exchange, "timeoutMs" | "signal">,
  ): Promise<LineAnswer | null> {
    signal?.throwIfAborted();
    const line = await unlessAborted(this.current(), signal);
    try {
      return line === null ? null : await line.call(request, timeoutMs, signal);
    } catch (error) {
      if (!isRejected(error)) throw error;
      await this.tokens.renew(signal);
      this.line = null;
      const next = await unlessAborted(this.current(), signal);
      return next?.call(request, timeoutMs, signal) ?? null;
    }
  }

  private async current(): Promise<CallLine | null> {
    const line = await this.line;
    if (line?.isOpen === false) this.line = null;
    this.line ??= this.open().catch((error: unknown) => {
      this.line = null;
      throw error;
    });
    return this.line;
  }

  /** Renews a rejected token once. */
  private async open(): Promise<CallLine | null> {
    // Programs that only ask and submit need not load it.
    const { CallLine, NoLineError } = await import("./call-line.js");
    const token = await this.tokens.get();
    try {
      return await CallLine.open(this.address, token).catch(async (error: unknown) => {
        if (!isRejected(error)) throw error;
        return CallLine.open(this.address, await this.tokens.renew());
      });
    } catch (error) {
      if (error instanceof NoLineError) return null;
      throw error;
    }
  }
}

const isRejected = (error: unknown): boolean =>
  error instanceof GleanerError && error.code === "NOT_IDENTIFIED";
