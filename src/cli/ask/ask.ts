// Asks gleanerd through glean-ask.node, the addon in this folder, for a program that only asks once
// and prints the answer: it need not load node's sockets, whose first use takes it longer than all
// of its own work.

import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import { AnswerHead, tooLarge, whyBroken } from "../../sdk/http/answer.js";
import type { Ask, Conversation } from "../../sdk/http/request.js";

/** As ask_addon.c returns it. */
interface Asked {
  readonly bytes: Buffer;
  readonly address: string;
  readonly isConnected: boolean;
  /** 0 if the peer ended the connection. */
  readonly errno: number;
}

interface Addon {
  ask(
    host: string,
    port: string,
    request: string,
    timeoutMs: number,
    maxAnswerBytes: number,
  ): Asked | null;
}

/** undefined where the addon is missing or was built for another kind of machine. */
export function loadAsk(folder: string): Ask | undefined {
  const module = { exports: {} as Addon };
  try {
    process.dlopen(module, join(folder, "glean-ask.node"));
  } catch {
    return undefined;
  }
  const { ask } = module.exports;
  return (to, request, { timeoutMs, maxAnswerBytes }): Conversation | null => {
    const asked = ask(to.host, String(to.port), request, timeoutMs, maxAnswerBytes);
    if (asked === null) return null;
    const { bytes, address, isConnected, errno } = asked;
    if (errno === 0 && bytes.length === 0)
      throw whyBroken(to, isConnected, new Error("it closed the connection"));
    if (errno !== 0 && !isComplete(bytes))
      throw failureOf(to, asked, { timeoutMs, maxAnswerBytes });
    return { bytes, peer: { host: address, port: to.port } };
  };
}

/** The peer may have answered, and then broken the connection. */
function isComplete(bytes: Buffer): boolean {
  const head = new AnswerHead();
  head.take(bytes);
  return bytes.length >= head.answerBytes;
}

function failureOf(
  to: Parameters<Ask>[0],
  { address, isConnected, errno }: Asked,
  { timeoutMs, maxAnswerBytes }: Parameters<Ask>[2],
): Error {
  const code = getSystemErrorName(-errno);
  if (code === "EMSGSIZE") return tooLarge(maxAnswerBytes);
  if (code === "ETIMEDOUT")
    return whyBroken(to, isConnected, new Error(`no answer within ${timeoutMs} ms`));
  const what = isConnected ? `read ${code}` : `connect ${code} ${address}:${to.port}`;
  return whyBroken(to, isConnected, new Error(what));
}
