// What scripts/check runs, and scripts/test before its tests: node programs, each with its arguments.

const jest = [
  "--experimental-vm-modules",
  "--disable-warning=ExperimentalWarning",
  "node_modules/jest/bin/jest.js",
];

/** `fix`: the argument with which it mends what it can. */
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
