// The sentence in each generated file that says where it comes from and how to change it.

export const regenerate = (source: string): string =>
  `Generated from ${source} by scripts/generate: change the texts there and run it again.`;
