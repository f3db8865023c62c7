// What package.mjs offers to the tests.

export function makePackage(outputFolder: string, version: string): Promise<void>;
