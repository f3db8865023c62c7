// How a call of a map ended: its result as it came, or its error as glean prints it.

import {
  CallError,
  contentIn,
  FunctionError,
  type GleanerClient,
  type GleanerError,
  type MapEnd,
  resultOf,
  textOf,
} from "../../sdk/index.js";

export type EndedResult = { readonly index: number; readonly id: string | null } & (
  | { readonly ok: true; readonly contentType: string; readonly body: string | Uint8Array }
  | { readonly ok: false; readonly error: ShownError }
);

interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly type?: string;
  readonly stack?: string | null;
}

/** Fetches a large result; rejects if gleanerd does not answer. */
export async function endedResult(
  { functions }: Pick<GleanerClient, "functions">,
  end: MapEnd,
): Promise<EndedResult> {
  const { index, id } = end;
  if (!("outcome" in end)) return { index, id, ok: false, error: errorOf(end.error) };
  const { answer } = end.outcome;
  try {
    const fetched = await contentIn(functions, end.id, answer);
    // Throws what the call has in place of a result.
    if (answer?.kind !== "result") throw resultOf(end.id, end.outcome);
    const { contentType, text, base64 = "" } = answer.payload;
    const bytes = fetched ?? Buffer.from(base64, "base64");
    const body = text ?? (fetched && textOf(contentType, fetched)) ?? bytes;
    return { index, id, ok: true, contentType, body };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return { index, id, ok: false, error: errorOf(error) };
  }
}

function errorOf(error: CallError | GleanerError): ShownError {
  const { code, message } = error;
  if (!(error instanceof FunctionError)) return { code, message };
  return { code, type: error.type, message, stack: error.remoteStack };
}
