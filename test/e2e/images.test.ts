// Functions in container images on a real node, by Charliecloud: a folder, a squashfs file, and
// what users read if an image cannot be used.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { isStored } from "../../src/model/call.js";
import { invocationId } from "../../src/model/ids.js";
import type { WorkerSettings } from "../../src/wire/calls.js";
import type { AttemptReport } from "../../src/wire/messages.js";
import { Programs, TestNode } from "../support/executor/executor.js";
import {
  callOrder,
  codeOf,
  type FunctionCode,
  handOut,
} from "../support/executor/function-code.js";
import { type Images, imagesLimitMs, makeImages } from "../support/images/images.js";

jest.setTimeout(120_000);
const programs = new Programs();
let parent: string;
let images: Images;
let node: TestNode;
let next = 1;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "gleaner-images-"));
  chmodSync(parent, 0o755);
  images = await makeImages(parent);
  await programs.make();
}, imagesLimitMs);
afterAll(() => {
  programs.remove();
  rmSync(parent, { recursive: true, force: true });
});
beforeEach(async () => {
  node = await TestNode.make(programs);
});
afterEach(async () => {
  expect(await node.remove()).toEqual([]);
});

/** Some machines let only root use FUSE, which distributions allow to everybody. */
const withFuse = [
  "/usr/bin/unshare",
  "-m",
  "sh",
  "-c",
  'mount -t tmpfs none /mnt && mknod -m 666 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse && exec "$@"',
  "sh",
];

const handler = `
import os
name = open("/etc/test-image").read().strip()
def handler(event):
    print("called in", name)
    import neighbour
    return {"image": name, "uid": os.getuid(), "cwd": os.getcwd(), "file": __file__, "pid": os.getpid(),
            "value": neighbour.value, "home": os.environ["HOME"], "tile": os.environ.get("TILE"), "event": event}
`;

const codeIn = (image: string, change: Partial<WorkerSettings> = {}) =>
  codeOf(
    { "handler.py": handler, "neighbour.py": "value = 7\n" },
    { runtime: "python", image, ...change },
  );

async function call(
  code: FunctionCode,
  environment: Record<string, string> = {},
): Promise<AttemptReport> {
  const order = callOrder(
    code,
    { n: 1 },
    { invocation: invocationId(next++), environment: { PATH: "/usr/bin:/bin", ...environment } },
  );
  node.daemon.send({ type: "start", order });
  return await node.daemon.report(order);
}

const resultOf = ({ answer, log }: AttemptReport) => {
  if (answer?.kind !== "result" || isStored(answer.payload))
    throw new Error(`no result: ${JSON.stringify(answer)} ${log && Buffer.from(log)}`);
  return JSON.parse(Buffer.from(answer.payload.body).toString());
};

const expected = {
  image: "a container",
  uid: 65_534,
  cwd: "/mnt",
  file: "/mnt/handler.py",
  value: 7,
  event: { n: 1 },
};

test.each([
  ["folder", () => images.folder],
  ["squashfs file", () => images.file],
])("a function runs as its user in an image that is a %s, and stays warm", async (_kind, image) => {
  await node.start(withFuse);
  const code = await codeIn(image());
  void handOut(node.daemon, code);
  const first = await call(code);
  expect(resultOf(first)).toMatchObject(expected);
  expect(Buffer.from(first.log!).toString()).toBe("called in a container\n");
  const second = await call(code);
  expect(resultOf(second).pid).toBe(resultOf(first).pid);
  expect(second.phases).toBeUndefined();
});

test("a home is there, and what the setup exports on the node", async () => {
  await node.start();
  const home = join(parent, "home");
  mkdirSync(home);
  const code = await codeIn(images.folder, { setup: "export TILE=7" });
  void handOut(node.daemon, code);
  const result = resultOf(await call(code, { HOME: home }));
  expect(result).toMatchObject({ tile: "7", home: "/home/nobody" });
});

test("an exception names the file in the image", async () => {
  await node.start();
  const files = { "handler.py": "def handler(event):\n    raise KeyError('tile')\n" };
  const code = await codeOf(files, { runtime: "python", image: images.folder });
  void handOut(node.daemon, code);
  const { answer } = await call(code);
  expect(answer).toMatchObject({ kind: "exception", error: { type: "KeyError" } });
  expect(JSON.stringify(answer)).toContain("/mnt/handler.py");
});

test.each([
  ["is not there", () => "/no/such/image", {}, 2, "there is no image /no/such/image"],
  ["is another's", () => join(parent, "private"), {}, 13, "you may not read the image"],
  [
    "meets no tool",
    () => images.folder,
    { PATH: "/usr/sbin" },
    2,
    "neither Charliecloud (ch-run) nor Apptainer is installed, one of which the image",
  ],
])(
  "an image that %s is a failed start, which another node may do better",
  async (_how, image, environment, errno, sentence) => {
    writeFileSync(join(parent, "private"), "", { mode: 0o600 });
    await node.start();
    const code = await codeIn(image());
    void handOut(node.daemon, code);
    const report = await call(code, environment);
    expect(report).toMatchObject({ end: "FAILED", startFailure: { stage: "exec", errno } });
    expect(report.reason).toContain(sentence);
  },
);

test("a file that is no image fails the call with what the tool says", async () => {
  writeFileSync(join(parent, "text"), "no image\n");
  await node.start();
  const code = await codeIn(join(parent, "text"));
  void handOut(node.daemon, code);
  const { end, answer, log } = await call(code);
  expect({ end, answer }).toMatchObject({
    end: "FAILED",
    answer: { kind: "notLoaded", error: { type: "ImageFailed" } },
  });
  expect(Buffer.from(log!).toString()).toMatch(/ch-run.*error/);
});

test("Apptainer gets the image, the code and the programs where there is no Charliecloud", async () => {
  const bin = join(parent, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "apptainer"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  await node.start();
  const code = await codeIn(images.folder);
  void handOut(node.daemon, code);
  const { log } = await call(code, { PATH: bin });
  const { version } = code;
  expect(Buffer.from(log!).toString()).toMatch(
    new RegExp(
      `^--quiet exec --no-home --bind \\S+/${version}:/mnt:ro --bind \\S+:/media:ro --pwd /mnt ${images.folder} python3 /media/glean-runtime-python/__main__.py\n$`,
    ),
  );
});
