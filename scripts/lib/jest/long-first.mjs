// The order of the test files for jest: the long ones first, so that no worker ends with one of
// them while the others have nothing left to do. Test files in test/property run for minutes
// however short they are; for the others, size is the best guess without a record of earlier runs.

const isOfManySeeds = ({ path }) => path.includes("/test/property/");
const sizeOf = ({ path, context }) => context.hasteFS.getSize(path) ?? 0;

export default class LongFirst {
  sort(tests) {
    return [...tests].sort(
      (one, other) => isOfManySeeds(other) - isOfManySeeds(one) || sizeOf(other) - sizeOf(one),
    );
  }

  /** jest asks for it after each run. */
  cacheResults() {}
}
