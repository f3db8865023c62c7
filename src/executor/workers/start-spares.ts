// Starts spares: each as its user in a group of its own, which a worker takes over with it.

import { removeLater } from "../containment/group-removal.js";
import { openGroupFor } from "../runtimes/group.js";
import { Spare } from "./standby/spare.js";
import { environmentOfSpare, type OpenSpare } from "./standby/spares.js";
import { type StartParts, workOf } from "./start-parts.js";

export function openSpares(parts: StartParts): OpenSpare {
  const { spec, spawner, containment, sockets, programs } = parts;
  const nothing = { cores: 0, memoryMb: 0, gpus: [] };
  let number = 0;
  return (order, onGone) => {
    const opened = openGroupFor(containment, spec, `spare.${++number}`, order, nothing);
    const { group } = opened;
    // Only a cgroup can be frozen.
    if (group.killFile === null) {
      group.remove();
      return null;
    }
    const id = sockets.expect({
      onProtocol: (socket) => spare.connected(socket),
      onOutput: (socket) => spare.prints(socket),
    });
    const spare: Spare = new Spare({
      memoryMb: order.memoryMb,
      version: null,
      opened,
      spawn: (events) => {
        // It has no code yet, which only images would have to know.
        const argv = programs.commandOf(order.command.settings, "/");
        const command = { kind: "worker", argv, socketPath: sockets.path, id } as const;
        const environment = environmentOfSpare(order);
        const started = { ...order, workingDirectory: "/", environment };
        return spawner.start(workOf(spec, started, command, opened), group, events);
      },
      onGone: () => {
        removeLater(group);
        onGone();
      },
      onEnd: () => sockets.forget(id),
    });
    return spare;
  };
}
