// The section listen: where gleanerd listens, and how the connections are encrypted.

import { z } from "zod";
import { path, port } from "./shapes.js";

const host = z.string().min(1).meta({ title: "address" });

const tls = z
  .strictObject({
    certificate: path.describe(
      "The certificate, PEM, with its chain up to `ca`. It names `listen.host` and `listen.advertisedHost`.",
    ),
    privateKey: path.describe(
      "The private key, PEM, without a passphrase, readable by gleanerd's user alone (0600).",
    ),
    ca: path.describe(
      "The authority that clients and executors trust, PEM, readable by all users. For a self-signed certificate, the certificate itself.",
    ),
  })
  .describe("Encrypts both ports.");

export const listen = z
  .strictObject({
    host: host
      .default("127.0.0.1")
      .describe(
        "The address that gleanerd listens on and that clients connect to. If there are other nodes or login nodes: the controller's name in the cluster's own network.",
      ),
    apiPort: port
      .default(828)
      .describe(
        "The port of the CLI and the SDK (TCP, HTTP). Ports below 1024 keep users from posing as a stopped gleanerd and collecting credentials.",
      ),
    executorPort: port
      .default(829)
      .describe(
        "The port that executors connect to (TCP) and that epilogs send their wake-up to (UDP, `wake=` in hook.conf).",
      ),
    advertisedHost: host
      .default("127.0.0.1")
      .describe(
        "The address by which nodes reach `executorPort`. 127.0.0.1 is right only if this machine is the only node.",
      ),
    tls: tls
      .nullable()
      .default(null)
      .describe(
        "Encrypts both ports: `{certificate: PATH, privateKey: PATH, ca: PATH}`. `null`: nothing is encrypted.",
      ),
  })
  .describe("The ports of gleanerd.");
