// Counts with their nouns, for messages: `1 core`, `2,400 cores`.

export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count.toLocaleString("en-US")} ${count === 1 ? noun : plural}`;
