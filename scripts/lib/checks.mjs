// The checks that scripts/check runs, and scripts/test before its tests: node programs with their
// arguments.

const jest = [
  "--experimental-vm-modules",
  "--disable-warning=ExperimentalWarning",
  "node_modules/jest/bin/jest.js",
];

/** `fix` is the argument with which it repairs what it can. */
export const checks = [
  {
    title: "lint",
    args: ["node_modules/@biomejs/biome/bin/biome", "check", "."],
    fix: "--write",
  },
  { title: "types", args: ["node_modules/typescript/bin/tsc", "--noEmit"] },
  { title: "unused", args: ["node_modules/knip/bin/knip.js", "--no-progress"] },
];

/** The rules of the house, which are a test among the others. */
export const tidy = { title: "tidy", args: [...jest, "test/tidy.test.ts"] };
