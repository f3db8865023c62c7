// Reads the expression of --constraint, as Slurm does for one node: features joined by & (or a
// comma) and |, with parentheses or brackets.

export type Constraint =
  | { readonly kind: "feature"; readonly name: string }
  | { readonly kind: "all" | "any"; readonly parts: readonly Constraint[] };

/** Deeper nesting is no constraint of anybody. */
const maxDepth = 20;

/** Returns the expression, or a clause that says what is wrong with it. */
export function parseConstraint(text: string): Constraint | string {
  const tokens = text.match(/[&|,()[\]]|[^&|,()[\]\s]+/g) ?? [];
  let at = 0;
  const expression = (depth: number): Constraint | string => {
    if (depth > maxDepth) return "it is nested too deeply";
    let left = term(depth);
    for (; typeof left !== "string" && /^[&|,]$/.test(tokens[at] ?? ""); ) {
      const kind = tokens[at++] === "|" ? "any" : "all";
      const right = term(depth);
      left = typeof right === "string" ? right : { kind, parts: [left, right] };
    }
    return left;
  };
  const term = (depth: number): Constraint | string => {
    const token = tokens[at++];
    if (token === undefined) return "a feature is missing at its end";
    const closing = { "(": ")", "[": "]" }[token];
    if (closing !== undefined) {
      const inner = expression(depth + 1);
      if (typeof inner !== "string" && tokens[at++] !== closing) return `a ${closing} is missing`;
      return inner;
    }
    if (/^[&|,)\]]$/.test(token)) return `a feature is missing before ${token}`;
    if (token.includes("*")) return `it counts nodes (${token}), and a function runs on one`;
    return { kind: "feature", name: token };
  };
  const whole = expression(0);
  if (typeof whole === "string" || at === tokens.length) return whole;
  return `${tokens[at]} is not expected there`;
}

export function isSatisfied(constraint: Constraint, features: ReadonlySet<string>): boolean {
  switch (constraint.kind) {
    case "feature":
      return features.has(constraint.name);
    case "all":
      return constraint.parts.every((each) => isSatisfied(each, features));
    case "any":
      return constraint.parts.some((each) => isSatisfied(each, features));
  }
}
