// Wraps prose at the width that the tidy test allows.

const maxColumns = 100;

/** Breaks at spaces, but not inside `code`; every line begins with `indent`. */
export function wrap(text: string, indent = ""): string {
  const words = text.match(/(?:`[^`]*`|\S)+/g) ?? [];
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && indent.length + line.length + 1 + word.length > maxColumns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${indent}${each}`).join("\n");
}
