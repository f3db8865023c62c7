// The functions of this benchmark and the calls of them, both the same for the same seed.

import fc from "fast-check";
import { codeOf } from "../../../test/support/executor/function-code.js";
import type { Api } from "../lib/api.js";

export interface Call {
  readonly atMs: number;
  readonly name: string;
  readonly input: number;
}

const prefix = "whisk-";

export const isOurs = ({ name }: { readonly name: string }): boolean => name.startsWith(prefix);

/** Each has code of its own, which works for `runMs` and returns its input. */
export async function deployFunctions(api: Api, count: number, runMs: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const source = `// function ${number}
export default (input) => {
  for (const startedMs = performance.now(); performance.now() - startedMs < ${runMs}; );
  return input;
};
`;
    await api.deploy(`${prefix}${number}`, (await codeOf({ "index.mjs": source })).bundle);
  }
}

/** Calls at even intervals, each of any of the functions. */
export function callsOf(count: number, functions: number, perSecond: number, seed: number): Call[] {
  const picked = fc.sample(fc.noBias(fc.nat(functions - 1)), { numRuns: count, seed });
  return picked.map((number, index) => ({
    atMs: (index * 1_000) / perSecond,
    name: `${prefix}${number}`,
    input: index,
  }));
}
