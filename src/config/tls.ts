// The keys of `listen.tls`: what encrypts the API and the executors' connections.

import { z } from "zod";

const path = z.string().regex(/^\//, "must be an absolute path");

export const tls = z.strictObject({
  /** PEM, with the chain up to `ca`; names listen.host and listen.advertisedHost. */
  certificate: path,
  /** PEM, without a passphrase, readable by gleanerd's user alone. */
  privateKey: path,
  /** PEM, readable by all users: whom clients and executors believe, or the certificate itself. */
  ca: path,
});
