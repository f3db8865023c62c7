// A process that has a network with one host, prints the pids in it, and waits to be killed.

import { until } from "../../../scripts/cluster/until.js";
import { Network } from "./hosts.js";

const network = await Network.open();
const host = await network.addHost("n1", []);
host.start("sleep", "infinity");
const pids = await until(
  60_000,
  () => {
    const found = host.processes().map(({ pid }) => pid);
    return found.length > 1 ? found : undefined;
  },
  () => new Error("the host's second process did not start"),
);
console.log(JSON.stringify({ interface: network.interface, pids }));
process.stdin.resume();
