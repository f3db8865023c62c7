/** What jest writes with --json, as far as it is read. */
export function failuresIn(
  result: {
    readonly testResults: readonly {
      readonly name: string;
      readonly status: string;
      readonly message: string;
      readonly assertionResults: readonly {
        readonly status: string;
        readonly fullName: string;
        readonly failureMessages: readonly string[];
      }[];
    }[];
  },
  root: string,
): string[];
