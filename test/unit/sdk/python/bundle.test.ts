// A bundle of the Python SDK has the very bytes that every other client of Gleaner would send.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { packBundle } from "../../../../src/bundle/pack.js";
import { scan } from "../../../../src/bundle/scan.js";
import { manifestText, unsetSettings } from "../../../../src/model/functions/settings.js";
import { python } from "../../../support/runtimes/python-runtime.js";

const sources = resolve(import.meta.dirname, "../../../../src/sdk/python");
const folder = mkdtempSync(join(tmpdir(), "gleaner-bundle-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("packs a folder as glean does, with long names and without caches", async () => {
  const deep = join("d".repeat(90), "größe.py");
  const files = { "b.py": "x", "a.py": "", "a-b.py": "y".repeat(512), [deep]: "z" };
  for (const cache of ["__pycache__", "d".repeat(90)]) mkdirSync(join(folder, cache));
  for (const [name, text] of Object.entries({ ...files, "__pycache__/a.pyc": "no" }))
    writeFileSync(join(folder, name), text);
  const environment = { B: 'ü"\\\n', A: "1" };
  const timeLimitMs = 1_500;
  const settings = { ...unsetSettings, runtime: "python", handler: "b.py:f", cores: 2 } as const;
  const manifest = manifestText({ ...settings, timeLimitMs, environment });
  const expected: Buffer[] = [];
  for await (const piece of packBundle(manifest, await scan(folder))) expected.push(piece);
  const program = `
import sys
from gleaner.functions.bundle import folder_files, pack
from gleaner.functions.deploy import settings_of
environment = {"B": 'ü"\\\\\\n', "A": "1"}
settings = settings_of("b.py:f", cores=2, time_limit=1.5, environment=environment)
sys.stdout.buffer.write(pack(settings, folder_files(sys.argv[1], "")))`;
  const env = { ...process.env, PYTHONPATH: sources };
  const packed = execFileSync(python, ["-B", "-c", program, folder], { env });
  expect(packed.equals(Buffer.concat(expected))).toBe(true);
});
