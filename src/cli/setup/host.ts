// Checks that the name of the controller is one by which nodes reach this machine.

import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { GleanerError } from "../../model/errors.js";
import type { Answers } from "./answers.js";

/** Returns the address; throws BAD_REQUEST with what to give instead. */
export async function checkHost({ host, launcher }: Answers): Promise<string> {
  const address = await addressOf(host);
  const ours = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const isLoopback = /^(127\.|::1$)/.test(address);
  if (!isLoopback && !ours.some((each) => each.address === address))
    throw wrong(
      host,
      `is ${address}, which is no address of this machine: run glean setup on the controller, with its own name`,
    );
  if (isLoopback && launcher !== "local")
    throw wrong(
      host,
      `is ${address} on this machine, which no node can reach: give its address in the cluster's network, or correct /etc/hosts`,
    );
  return address;
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch {
    throw wrong(
      host,
      "cannot be looked up: give the controller's name or address as nodes know it",
    );
  }
}

const wrong = (host: string, sentence: string): GleanerError =>
  new GleanerError("BAD_REQUEST", `invalid host '${host}': it ${sentence}`);
