// The types of contents.mjs, which the tests use too.

export interface Tree {
  copy(from: string, to: string, mode?: number): void;
  copyStripped(from: string, to: string, mode?: number): void;
  copyFolder(from: string, to: string, isWanted?: (path: string) => boolean): void;
  copyCompressed(from: string, to: string): void;
  write(to: string, text: string, mode?: number): void;
  directory(path: string, mode?: number): void;
}

export declare const packages: readonly {
  readonly name: string;
  readonly fill: (tree: Tree, build: { readonly root: string }) => void;
}[];
