// What is left on the daemon's disk when nothing runs and everything is old: what somebody can
// still name, and nothing else.

import type { Contents } from "../site/contents.js";
import type { Disk } from "../site/disk.js";
import type { World } from "../site/world.js";

interface Content {
  readonly sha256: string;
  readonly uses: number;
}

export function checkRemains(world: World, disk: Disk, { kept }: Contents): void {
  const demand = (holds: boolean, sentence: string) => {
    if (!holds) world.complain(sentence);
  };
  const recorded = disk.rows<Content>(
    `SELECT sha256, (SELECT count(*) FROM function_version AS v
       WHERE v.owner_uid = blob.owner_uid AND v.version = blob.sha256)
       + (SELECT count(*) FROM call_input AS i
       WHERE i.owner_uid = blob.owner_uid AND i.blob = blob.sha256) AS uses FROM blob`,
  );
  const names = new Set(recorded.map(({ sha256 }) => sha256));
  for (const { sha256, uses } of recorded) {
    demand(kept.has(sha256 as never), `the content ${sha256} is missing`);
    demand(uses > 0, `the content ${sha256} is kept for nobody`);
  }
  for (const sha256 of kept.keys()) demand(names.has(sha256), `the file ${sha256} is nobody's`);
  const hidden = disk.rows("SELECT 1 FROM function_version WHERE removed_at_ms IS NOT NULL");
  demand(hidden.length === 0, `${hidden.length} removed versions are kept`);
  const answers = disk.rows("SELECT 1 FROM call_answer");
  demand(answers.length === 0, `${answers.length} old answers are kept`);
  const inputs = disk.rows(
    `SELECT 1 FROM call_input JOIN invocation ON id = invocation WHERE state IN ('COMPLETED')`,
  );
  demand(inputs.length === 0, `${inputs.length} inputs of answered calls are kept`);
}
