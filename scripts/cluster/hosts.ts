// The hosts of a cluster whose nodes are not this machine, and whether a port of a host is listened on.

import { createConnection } from "node:net";

/** Where one node is. */
export interface NodeHost {
  readonly address: string;
  /** The words that a command is put behind to run there; it finds this machine's files there. */
  readonly enter: readonly string[];
}

export interface ClusterHosts {
  /** Where the hosts reach this machine. */
  readonly controller: string;
  /** By node name. */
  readonly nodes: Readonly<Record<string, NodeHost>>;
}

/** Whether somebody accepts connections there. */
export function accepts(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
