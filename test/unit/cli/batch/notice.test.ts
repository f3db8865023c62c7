// --signal and --checkpoint: what is read, what is refused, what is sent.

import { describe, expect, test } from "@jest/globals";
import { parseNotice } from "../../../../src/cli/batch/options/notice.js";
import { gleanWorld } from "../../../support/glean.js";

describe("--signal", () => {
  test.each([
    ["TERM", { signal: 15, leadMs: null, mainOnly: false }],
    ["SIGUSR1@60", { signal: 10, leadMs: 60_000, mainOnly: false }],
    ["B:usr2@5", { signal: 12, leadMs: 5_000, mainOnly: true }],
    ["R:10@500ms", { signal: 10, leadMs: 500, mainOnly: false }],
    ["RB:INT@2m", { signal: 2, leadMs: 120_000, mainOnly: true }],
    ["@30", { signal: 15, leadMs: 30_000, mainOnly: false }],
    ["B:", { signal: 15, leadMs: null, mainOnly: true }],
    ["USR1@0", { signal: 10, leadMs: 0, mainOnly: false }],
  ])("%s", (text, expected) => expect(parseNotice(text, "--signal")).toEqual(expected));

  test.each([
    ["", '--signal: invalid value "": expected [B:]SIGNAL[@SECONDS], such as TERM@30'],
    ["X:TERM", /invalid value/],
    ["TERM@", /invalid value/],
    ["TERM@-1", /invalid value/],
    ["NONE", '--signal: invalid signal "NONE": expected TERM, USR1, INT or a number from 1 to 64'],
    ["0", /invalid signal/],
    ["65", /invalid signal/],
    ["constructor", /invalid signal/],
    ["KILL@5", /a process cannot catch/],
    ["19", /a process cannot catch/],
    ["TERM@65536", /expected at most 65535 s/],
    ["TERM@5x", /invalid time/],
  ])("%j is refused", (text, sentence) =>
    expect(() => parseNotice(text, "--signal")).toThrow(sentence),
  );
});

describe("glean batch", () => {
  const world = gleanWorld();
  const submitted = async (args: string[], script: string) => {
    world.answers["POST /v1/invocations"] = () => ({ body: { id: 1, tasks: 1 } });
    const { status } = await world.start(["batch", ...args, world.script(script)]).end;
    expect(status).toBe(0);
    return world.submitted();
  };

  test("sends the signal of a directive and requests a checkpoint folder", async () =>
    expect(await submitted([], "#!/bin/sh\n#SBATCH --signal=B:USR1@9\n")).toMatchObject({
      notice: { signal: 10, leadMs: 9_000, mainOnly: true },
      checkpoint: true,
    }));

  test("requests a checkpoint folder with --checkpoint or if the script names it", async () => {
    const plain = "#!/bin/sh\ntrue\n";
    expect(await submitted(["--checkpoint"], plain)).toMatchObject({ checkpoint: true });
    const named = '#!/bin/sh\ncd "$GLEANER_CHECKPOINT_DIR"\n';
    expect(await submitted([], named)).toMatchObject({ checkpoint: true, notice: null });
    expect(await submitted([], plain)).toMatchObject({ checkpoint: false, notice: null });
  });
});
