// Counts with their nouns, for messages: `1 core`, `2,400 cores`.

export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
