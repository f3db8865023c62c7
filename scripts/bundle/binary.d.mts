// The types of binary.mjs, which the tests use too.

export declare function makeBinary(folder: string): void;
