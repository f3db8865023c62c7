// A small Debian with Python as a container image for tests, as a folder and as a squashfs file.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { ensureInstalled } from "../../../scripts/cluster/programs.js";

const needs = [
  "debootstrap=debootstrap",
  "ch-run=charliecloud",
  "mksquashfs=squashfs-tools",
  "/usr/share/doc/squashfuse=squashfuse",
];
const build = resolve(import.meta.dirname, "../../../build");
const kept = join(build, "test-image.sqfs");
/** The first time a Debian is downloaded: the time limit of a beforeAll() with makeImages(). */
export const imagesLimitMs = 900_000;

export interface Images {
  readonly folder: string;
  readonly file: string;
}

/** Makes both in a folder that users may enter. */
export async function makeImages(parent: string): Promise<Images> {
  await ensureInstalled(needs);
  if (!existsSync(kept)) bootstrap();
  const images = { folder: join(parent, "image"), file: join(parent, "image.sqfs") };
  copyFileSync(kept, images.file);
  run("unsquashfs", ["-q", "-n", "-d", images.folder, images.file]);
  for (const path of [images.folder, images.file]) chmodSync(path, 0o755);
  return images;
}

/** Kept in a file, which takes a second to unpack. */
function bootstrap(): void {
  const folder = join(build, `test-image.${process.pid}`);
  mkdirSync(build, { recursive: true });
  try {
    const include = "--include=python3";
    run("debootstrap", ["--variant=minbase", include, "bookworm", folder]);
    writeFileSync(join(folder, "etc/test-image"), "a container\n");
    for (const rest of ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc"])
      rmSync(join(folder, rest), { recursive: true, force: true });
    const excluded = ["-wildcards", "-e", "dev/*", "proc/*", "sys/*"];
    run("mksquashfs", [folder, `${folder}.sqfs`, "-quiet", "-no-progress", ...excluded]);
    renameSync(`${folder}.sqfs`, kept);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const run = (program: string, args: string[]): void => {
  const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  execFileSync(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH },
  });
};
