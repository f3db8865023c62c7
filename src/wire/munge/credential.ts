// The payload of a munge credential for a token: the service, the dialled address, the daemon and
// the challenge.

/** Prevents the use of credentials made for another service or for an older release. */
const purpose = "gleaner-token-request-2";

/** One end of a TCP connection, as the operating system reports it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface CredentialClaims {
  /** The address to which the client connected, as formatted by shownEndpoint. */
  readonly address: string;
  /** As named in the challenge. */
  readonly instance: string;
  readonly nonce: string;
}

/**
 * The same text on both ends: without a zone, and with IPv4 addresses as such on dual-stack
 * sockets.
 */
export function shownEndpoint({ host, port }: Endpoint): string {
  const bare = host.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  return bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}`;
}

export const credentialPayload = ({ address, instance, nonce }: CredentialClaims): string =>
  [purpose, address, instance, nonce].join("\n");

/** null if the payload belongs to another service. */
export function readCredentialPayload(payload: string): CredentialClaims | null {
  const [service, address, instance, nonce, ...rest] = payload.split("\n");
  if (service !== purpose || rest.length > 0) return null;
  if (address === undefined || instance === undefined || nonce === undefined) return null;
  return { address, instance, nonce };
}
