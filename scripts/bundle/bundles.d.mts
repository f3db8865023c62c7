// The types of bundles.mjs, which the tests use too.

export declare const cliBundles: readonly string[];
export declare const madeFiles: readonly string[];
export declare const cliFiles: readonly string[];
export declare function makeBundles(
  names: readonly string[],
  outputFolder: string,
  version: string,
): Promise<void>;
