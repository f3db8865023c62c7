// The hosts of a cluster whose nodes are not this machine, and a check whether a host listens on a
// port.

import { createConnection } from "node:net";

/** Where one node is. */
export interface NodeHost {
  readonly address: string;
  /** Words before a command that make it run there; it finds this machine's files there. */
  readonly enter: readonly string[];
}

export interface ClusterHosts {
  /** The address at which the hosts reach this machine. */
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
