// Certificates as a site makes them with openssl: an authority, and one for gleanerd that names its
// addresses.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  readonly folder: string;
  /** As listen.tls has them. */
  readonly files: {
    readonly certificate: string;
    readonly privateKey: string;
    readonly ca: string;
  };
}

/** `names`: such as `IP:127.0.0.1`. All users may read the folder, and root alone the keys. */
export function makeCertificates(names: readonly string[]): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-tls-"));
  chmodSync(folder, 0o755);
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-subj",
    "/CN=ca",
  );
  openssl(
    "req",
    ...key,
    "-keyout",
    file("key.pem"),
    "-out",
    file("request"),
    "-subj",
    "/CN=gleanerd",
  );
  writeFileSync(file("names"), `subjectAltName=${names.join(",")}\n`);
  const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
  const what = ["-in", file("request"), "-extfile", file("names"), "-out", file("cert.pem")];
  openssl("x509", "-req", ...signer, ...what);
  chmodSync(file("key.pem"), 0o600);
  for (const name of ["ca.pem", "cert.pem"]) chmodSync(file(name), 0o644);
  return {
    folder,
    files: { certificate: file("cert.pem"), privateKey: file("key.pem"), ca: file("ca.pem") },
  };
}
