// Bytes that a user gives as an input, with the content type that they have.

import { Content } from "../../sdk/index.js";

/** JSON if they are JSON, else text if they are text; `type` if it is given. */
export function contentOf(bytes: Buffer, type?: string): Content {
  const text = bytes.toString("utf8");
  const isText = Buffer.from(text).equals(bytes);
  if (!isText) return new Content(type ?? "application/octet-stream", bytes);
  return new Content(type ?? typeOf(text), text);
}

function typeOf(text: string): string {
  try {
    JSON.parse(text);
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}
