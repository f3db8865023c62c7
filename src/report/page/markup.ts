// Safe HTML templates: they escape every value that is not markup already.

/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Content = string | number | Markup | readonly Markup[];

/** An HTML template: escapes strings and numbers, also for quoted attributes; keeps Markup. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const text = parts.map((part, index) => {
    const content = contents[index];
    return content === undefined ? part : part + rendered(content);
  });
  return new Markup(text.join(""));
}

/** Renders JSON for a script element and escapes `<`, so that no text can end the element. */
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

/** Also replaces control and direction characters, which can make a name look like another. */
function escaped(text: string): string {
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (character) => entities[character]!);
}
