// Counts with their nouns, for sentences: `1 core`, `3 cores`.

export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;
