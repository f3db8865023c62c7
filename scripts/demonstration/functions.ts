// The demo's functions: tiles of one picture, submitted as an array, and put together at the end.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import type { Site } from "../site/site.js";

export interface PictureShape {
  readonly columns: number;
  readonly rows: number;
  readonly edgePixels: number;
  /** Durations that the tiles take in turn. */
  readonly durationsMs: readonly number[];
}

/** An ordinary user: functions never run as root. */
const functionUser = "nobody";

/** Submits one array task per tile. Returns the array's id. */
export async function submitTiles(
  site: Site,
  tileProgram: string,
  folder: string,
  shape: PictureShape,
): Promise<number> {
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  const script = join(site.files.home, "tile.sh");
  writeFileSync(script, tileScript(tileProgram, folder, shape), { mode: 0o755 });
  const last = shape.columns * shape.rows - 1;
  const answer = await site.gleanOrThrow(["batch", "--parsable", `--array=0-${last}`, script], {
    user: functionUser,
  });
  return Number(answer.trim());
}

function tileScript(program: string, folder: string, shape: PictureShape): string {
  const { columns, rows, edgePixels, durationsMs } = shape;
  const cases = durationsMs.map((ms, index) => `  ${index}) ms=${ms} ;;`).join("\n");
  return `#!/bin/sh
#GLEAN --job-name=tile --cpus-per-task=1 --mem=50M --time=1
#GLEAN --output=/dev/null
case $((SLURM_ARRAY_TASK_ID % ${durationsMs.length})) in
${cases}
esac
exec ${program} "$SLURM_ARRAY_TASK_ID" ${columns} ${rows} ${edgePixels} "$ms" ${folder}
`;
}

/** Puts the tiles together; a missing tile stays black. Returns how many there were. */
export function writePicture(folder: string, shape: PictureShape, file: string): number {
  const { columns, rows, edgePixels } = shape;
  const picture = new PNG({ width: columns * edgePixels, height: rows * edgePixels });
  picture.data.fill(255);
  let found = 0;
  for (let number = 0; number < columns * rows; number++) {
    const path = join(folder, `${number}.tile`);
    if (!existsSync(path)) continue;
    found++;
    const tile = readFileSync(path);
    const left = (number % columns) * edgePixels;
    const top = Math.floor(number / columns) * edgePixels;
    for (let y = 0; y < edgePixels; y++)
      for (let x = 0; x < edgePixels; x++) {
        const to = 4 * ((top + y) * picture.width + left + x);
        tile.copy(picture.data, to, 3 * (y * edgePixels + x), 3 * (y * edgePixels + x) + 3);
      }
  }
  writeFileSync(file, PNG.sync.write(picture));
  return found;
}

/** Tiles drawn so far; unfinished ones have another name. */
export const tilesDrawn = (folder: string): number =>
  readdirSync(folder).filter((name) => name.endsWith(".tile")).length;
