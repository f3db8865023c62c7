// Bytes of an input with their content type: as a user gives them, or as gleanerd kept them.

import { Content, type GleanerClient, type PayloadText } from "../../sdk/index.js";

/** JSON if they are JSON, else text if they are text; `type` if it is given. */
export function contentOf(bytes: Buffer, type?: string): Content {
  const text = bytes.toString("utf8");
  const isText = Buffer.from(text).equals(bytes);
  if (!isText) return new Content(type ?? "application/octet-stream", bytes);
  return new Content(type ?? typeOf(text), text);
}

/** A large payload is fetched. */
export async function keptContent(
  { functions }: Pick<GleanerClient, "functions">,
  { contentType, text, base64 = "", blob }: PayloadText,
): Promise<Content> {
  const bytes = async () =>
    blob === undefined ? Buffer.from(base64, "base64") : await functions.getBlob(blob);
  return new Content(contentType, text ?? (await bytes()));
}

function typeOf(text: string): string {
  try {
    JSON.parse(text);
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}
