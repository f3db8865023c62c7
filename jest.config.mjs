// How jest runs TypeScript as ES modules: swc strips the types (tsc checks them apart).
export default {
  testEnvironment: "<rootDir>/scripts/lib/patient-environment.mjs",
  testSequencer: "<rootDir>/scripts/lib/jest/long-first.mjs",
  setupFilesAfterEnv: ["<rootDir>/scripts/lib/jest/exact-patterns.mjs"],
  reporters: ["default", "<rootDir>/scripts/lib/running-tests.mjs"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
  // A package that was built there has the name of this one.
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
  // Not in TMPDIR, which scripts/test removes.
  cacheDirectory: "<rootDir>/node_modules/.cache/jest",
  testTimeout: 30_000,
  testMatch: ["<rootDir>/test/**/*.test.ts"],
};
