// HTML that is safe by construction: whatever is put into a template is escaped unless it is markup already.

/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Content = string | number | Markup | readonly Markup[];

/** A template of HTML; strings and numbers become text or attribute values (which must be quoted), Markup stays. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const text = parts.map((part, index) => {
    const content = contents[index];
    return content === undefined ? part : part + rendered(content);
  });
  return new Markup(text.join(""));
}

/** A value as JSON inside a script element: `<` is escaped, so that no text in it can end the element. */
export function jsonMarkup(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll("<", "\\u003c"));
}

function rendered(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(({ text }) => text).join("");
  return escaped(String(content));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control and direction characters are replaced too: they could make a name look like another. */
function escaped(text: string): string {
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => entities[character]!);
}
