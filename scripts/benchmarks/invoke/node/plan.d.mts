// What programs in TypeScript see of plan.mjs.

export function measure(
  call: (input: Uint8Array) => Promise<unknown>,
  options: { readonly withBursts: boolean },
): Promise<void>;
