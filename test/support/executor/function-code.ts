// A function's code for tests: packed as a bundle, ordered as a call, and handed out as gleanerd
// does.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleDigest, packBundle } from "../../../src/bundle/pack.js";
import { scan } from "../../../src/bundle/scan.js";
import { manifestText, unsetSettings } from "../../../src/model/functions/settings.js";
import type { VersionId } from "../../../src/model/ids.js";
import { maxPartBytes } from "../../../src/wire/call-checks.js";
import type { WorkerSettings } from "../../../src/wire/calls.js";
import type { CallAttemptOrder } from "../../../src/wire/messages.js";
import type { FakeDaemon } from "./executor.js";
import { attemptOrder } from "./orders.js";

export interface FunctionCode {
  readonly version: VersionId;
  readonly bundle: Buffer;
  readonly settings: WorkerSettings;
}

/** A function of these files, by name. */
export async function codeOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  change: Partial<WorkerSettings> = {},
): Promise<FunctionCode> {
  const folder = mkdtempSync(join(tmpdir(), "glean-code-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      const mode = typeof text === "string" && text.startsWith("#!") ? 0o755 : 0o644;
      writeFileSync(join(folder, name), text, { mode });
    }
    const settings = { ...unsetSettings, runtime: "node", ...change } as const;
    const pieces: Buffer[] = [];
    const entries = await scan(folder);
    for await (const piece of packBundle(manifestText(settings), entries)) pieces.push(piece);
    const bundle = Buffer.concat(pieces);
    const { version } = await bundleDigest(
      (async function* () {
        yield bundle;
      })(),
    );
    const { runtime, handler, concurrency, fork, python, setup, image, idleTimeoutMs } = settings;
    return {
      version,
      bundle,
      settings: { runtime, handler, concurrency, fork, python, setup, image, idleTimeoutMs },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A call of it with JSON. */
export function callOrder(
  { version, bundle, settings }: FunctionCode,
  input: unknown,
  change: Partial<Omit<CallAttemptOrder, "command">> = {},
): CallAttemptOrder {
  const body = Buffer.from(JSON.stringify(input));
  return {
    ...attemptOrder({ environment: { PATH: "/usr/bin:/bin" }, ...change }),
    command: {
      kind: "call",
      function: "ada/f",
      version,
      bundleBytes: bundle.length,
      settings,
      isCheck: false,
      input: { contentType: "application/json", body },
    },
  };
}

/** Answers the executor's next request for this code. */
export async function handOut(daemon: FakeDaemon, { version, bundle }: FunctionCode) {
  await daemon.hears("fetchBundle", (message) => message.version === version);
  for (let offset = 0; offset < bundle.length; offset += maxPartBytes) {
    const bytes = bundle.subarray(offset, offset + maxPartBytes);
    const isLast = offset + bytes.length === bundle.length;
    daemon.send({ type: "bundlePart", version, offset, bytes, isLast });
  }
}
