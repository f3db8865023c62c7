// Starts the parents of workers, each as its user in a group of its own, with a door at which the
// workers that it forks connect; and the children that stand by.

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../model/errors.js";
import type { CallAttemptOrder } from "../../wire/messages.js";
import { ChildDoor } from "../../workers/child-door.js";
import { loadOrderOf } from "../../workers/load-order.js";
import { removeLater } from "../containment/group-removal.js";
import { openGroupFor } from "../runtimes/group.js";
import { makePublicFolder } from "./public-folder.js";
import { ForkedStart } from "./standby/forked-start.js";
import { MoveWindow } from "./standby/move-window.js";
import { Parent } from "./standby/parent.js";
import type { ParentParts } from "./standby/parent-parts.js";
import type { OpenFamily } from "./standby/parents.js";
import { Spare } from "./standby/spare.js";
import { type StartParts, workOf } from "./start-parts.js";

/** As long as an idle worker, if a function names no time. */
const keepMs = 600_000;
const nothing = { cores: 0, memoryMb: 0, gpus: [] };

export interface ParentSite {
  readonly openFamily: OpenFamily;
  close(): void;
}

/**
 * `paths.cache` is where users can reach the door. Without a door every worker starts by itself;
 * `explain` is told why.
 */
export async function openParents(
  parts: StartParts,
  paths: { readonly socket: string; readonly cache: string },
  explain: (why: string) => void,
): Promise<ParentSite> {
  // Executors of other nodes and clusters of this machine have doors of their own.
  const own = createHash("sha256").update(paths.socket).digest("hex").slice(0, 12);
  const path = join(paths.cache, `forks-${own}.sock`);
  let door: ChildDoor;
  try {
    makePublicFolder(paths.cache);
    rmSync(path, { force: true });
    door = await ChildDoor.open(path);
  } catch (thrown) {
    explain(`workers cannot be forked: ${messageOf(thrown)}`);
    const open = { parent: () => null, child: openChild(parts) };
    return { openFamily: open, close: () => {} };
  }
  const window = new MoveWindow(() => parts.containment.rehearseMove());
  let number = 0;
  return {
    openFamily: {
      parent: (order, onGone) =>
        open(parts, { door, expectMove: () => window.open() }, `parent.${++number}`, order, onGone),
      child: openChild(parts),
    },
    close: () => {
      door.close();
      rmSync(path, { force: true });
    },
  };
}

function open(
  { spec, spawner, containment, sockets, programs }: StartParts,
  means: Pick<ParentParts, "door" | "expectMove">,
  name: string,
  order: CallAttemptOrder,
  onGone: ParentParts["onGone"],
): Parent | null {
  const opened = openGroupFor(containment, spec, name, order, nothing);
  const { group } = opened;
  // Only a cgroup can hold what its user forks, and freeze it.
  if (group.killFile === null || group.maxPolledProcesses !== null || group.pollMemory) {
    group.remove();
    return null;
  }
  const id = sockets.expect({
    onProtocol: (socket) => parent.connected(socket),
    onOutput: (socket) => parent.prints(socket),
  });
  const { version, settings } = order.command;
  const parent: Parent = new Parent({
    uid: order.uid,
    memoryMb: order.memoryMb,
    version,
    group,
    privateDirectories: spec.isolation.privateDirectories,
    ...means,
    keepMs: settings.idleTimeoutMs ?? keepMs,
    load: (directory) => loadOrderOf(settings, directory),
    spawn: (directory, events) => {
      const argv = programs.parentCommandOf(settings, directory);
      const command = { kind: "parent", argv, socketPath: sockets.path, id } as const;
      const work = workOf(spec, { ...order, workingDirectory: directory }, command, opened);
      return spawner.start(work, group, events);
    },
    onGone: (problem) => {
      sockets.forget(id);
      removeLater(group);
      onGone(problem);
    },
  });
  return parent;
}

/** What the parent prints while it forks it belongs to no call. */
const openChild = ({ spec, containment }: StartParts): OpenFamily["child"] => {
  let number = 0;
  return (order, parent, onGone) => {
    const opened = openGroupFor(containment, spec, `child.${++number}`, order, nothing);
    const { group } = opened;
    const child: Spare = new Spare({
      memoryMb: order.memoryMb,
      version: order.command.version,
      opened,
      spawn: (events) => {
        parent.enter();
        return new ForkedStart({
          ...{ parent, directory: parent.directory, group },
          events: { ...events, onHolding: () => {} },
          onProtocol: (socket) => child.connected(socket),
          onOutput: (socket) => child.prints(socket),
          print: () => {},
          standsBy: () => child.standsBy,
          retire: () => child.retire(),
          startAlone: () => child.startAlone(),
        });
      },
      onEnd: () => {},
      onGone: () => {
        removeLater(group);
        onGone();
      },
    });
    return child;
  };
};
