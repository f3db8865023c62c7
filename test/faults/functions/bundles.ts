// The code of simulated functions: real bundles, whose one file says what loading it does.

import { createHash } from "node:crypto";
import { manifestName } from "../../../src/bundle/names.js";
import { endBlocks, headerBlocks, paddingOf } from "../../../src/bundle/tar.js";
import {
  manifestText,
  type RequestedSettings,
  unsetSettings,
} from "../../../src/model/functions/settings.js";
import { type VersionId, versionId } from "../../../src/model/ids.js";
import { inputIn } from "./inputs.js";

/** What happens when a worker loads it. */
export type Loading = "works" | "fails" | "exits";

export interface Code {
  /** Whose: the same code of two users is one content. */
  readonly author: string;
  readonly name: string;
  readonly serial: number;
  readonly loading: Loading;
}

export interface Bundle {
  readonly version: VersionId;
  readonly bytes: Buffer;
}

export const hashOf = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

export function bundleOf(code: Code, settings: Partial<RequestedSettings>): Bundle {
  const manifest = manifestText({ ...unsetSettings, runtime: "node", ...settings });
  const bytes = Buffer.concat([
    ...fileOf(manifestName, manifest),
    ...fileOf("main.js", JSON.stringify(code)),
    endBlocks,
  ]);
  return { version: versionId(hashOf(bytes)), bytes };
}

function fileOf(name: string, text: string): Buffer[] {
  const content = Buffer.from(text);
  const { length } = content;
  const head = headerBlocks({ kind: "file", name, bytes: length, executable: false });
  return [head, content, Buffer.alloc(paddingOf(length))];
}

/** What a worker finds in a folder with the bundle's files. */
export function codeIn(bundle: Buffer): Code {
  const text = bundle.toString("latin1");
  const start = text.lastIndexOf('{"author"');
  return JSON.parse(text.slice(start, text.indexOf("}", start) + 1)) as Code;
}

/** What the handler of a version returns for an input: nothing else can know it. */
export function resultOf(version: string, uid: number, input: Uint8Array): string {
  const own = hashOf(version, ` ${uid} `, input).slice(0, 32);
  return own.padEnd(inputIn(input).returnsBytes, own);
}
