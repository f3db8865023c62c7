// Loads the certificate, private key and authority of listen.tls at the start, and rejects unusable
// ones.

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Config } from "../../config.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { DoctorCheck } from "../../wire/api/types.js";
import { maxAuthorityBytes } from "../../wire/launch.js";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** null if nothing is encrypted. Throws CONFIG with the name of the invalid file. */
export function loadTls(tls: Config["listen"]["tls"]): TlsFiles | null {
  if (tls === null) return null;
  const files = {
    cert: readPem("certificate", tls.certificate),
    key: readPem("privateKey", tls.privateKey),
    ca: readPem("ca", tls.ca),
  };
  if ((statSync(tls.privateKey).mode & 0o077) !== 0)
    throw new GleanerError(
      "CONFIG",
      `listen.tls.privateKey: others can read ${tls.privateKey}: chmod 600 it, and create a new one if somebody may have read it`,
    );
  if (files.ca.length > maxAuthorityBytes)
    throw new GleanerError(
      "CONFIG",
      `listen.tls.ca: ${tls.ca} is larger than ${maxAuthorityBytes} bytes: keep only the certificates of your own authority in it`,
    );
  try {
    createSecureContext(files);
  } catch (cause) {
    throw new GleanerError(
      "CONFIG",
      `listen.tls: certificate, private key and ca do not match (${messageOf(cause)}): check the three files`,
      { cause },
    );
  }
  return files;
}

/** How long before a certificate's end the administrator is warned. */
const renewMs = 14 * 86_400_000;

/** For the doctor. */
export function checkEncryption(tls: Config["listen"]["tls"], nowMs: number): DoctorCheck {
  const name = "encryption";
  if (tls === null)
    return { name, status: "ok", detail: "off: listen.tls is null, see SECURITY.md" };
  try {
    const { validFrom, validTo } = new X509Certificate(readFileSync(tls.certificate));
    const leftMs = Date.parse(validTo) - nowMs;
    const day = dayOf(validTo);
    if (Date.parse(validFrom) > nowMs)
      return {
        name,
        status: "failed",
        detail: `the certificate is not valid before ${dayOf(validFrom)}: check the clock of this machine (date)`,
      };
    if (leftMs <= 0)
      return { name, status: "failed", detail: `the certificate expired on ${day}: renew it` };
    return leftMs > renewMs
      ? { name, status: "ok", detail: `TLS; the certificate is valid until ${day}` }
      : {
          name,
          status: "warning",
          detail: `the certificate expires on ${day}: renew it and restart gleanerd`,
        };
  } catch (thrown) {
    return { name, status: "failed", detail: messageOf(thrown) };
  }
}

const dayOf = (time: string): string => new Date(time).toISOString().slice(0, 10);

function readPem(key: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new GleanerError("CONFIG", `listen.tls.${key}: ${messageOf(cause)}`, { cause });
  }
}
