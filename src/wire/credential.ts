// What a munge credential for a token says: which service, which address was dialled, which daemon, which challenge.

/** Keeps a credential that was made for another service, or an older release, from being of use here. */
const purpose = "gleaner-token-request-2";

/** One end of a TCP connection, as the operating system names it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface CredentialClaims {
  /** Where the client's own connection went, as shownEndpoint gives it. */
  readonly address: string;
  /** As the challenge named it. */
  readonly instance: string;
  readonly nonce: string;
}

/** The same text on both ends: without a zone, and IPv4 as such on sockets that serve both families. */
export function shownEndpoint({ host, port }: Endpoint): string {
  const bare = host.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  return bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}`;
}

export const credentialPayload = ({ address, instance, nonce }: CredentialClaims): string =>
  [purpose, address, instance, nonce].join("\n");

/** null: a payload of another service. */
export function readCredentialPayload(payload: string): CredentialClaims | null {
  const [service, address, instance, nonce, ...rest] = payload.split("\n");
  if (service !== purpose || rest.length > 0) return null;
  if (address === undefined || instance === undefined || nonce === undefined) return null;
  return { address, instance, nonce };
}
