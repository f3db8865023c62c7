// Finds the known word nearest to a mistyped one, for messages that ask "did you mean".

/**
 * The known word nearest to a mistyped one: of those that begin with it, if any do. `known` must
 * not be empty.
 */
export function nearest(word: string, known: readonly string[]): string {
  const begun = known.filter((each) => each.toLowerCase().startsWith(word.toLowerCase()));
  const distances = (begun.length > 0 ? begun : known).map((candidate) => ({
    candidate,
    distance: editDistance(word, candidate),
  }));
  return distances.reduce((best, each) => (each.distance < best.distance ? each : best)).candidate;
}

/** The Levenshtein distance, ignoring case. */
function editDistance(left: string, right: string): number {
  const a = left.toLowerCase();
  const b = right.toLowerCase();
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
