// The section isolation of the configuration file: what functions are kept from, beside what they always are.

import { z } from "zod";

/** Off by default: each takes something from functions that some site's functions need. */
export const isolation = z.strictObject({
  /** As Slurm's job_container/tmpfs: empty for each function, in its memory, gone with it. Nothing that functions share may be there. */
  privateDirectories: z
    .array(z.string().regex(/^\/(?!\.)[^/]+(\/(?!\.)[^/]+)*$/, "must be an absolute path below /"))
    .max(8)
    .default([]),
  /** Containers without root (Apptainer, Podman) need them; most holes in kernels of late, too. */
  userNamespaces: z.boolean().default(true),
  /** bpf, perf_event_open, userfaultfd, io_uring, keys, kernel modules: profilers need the second, some databases io_uring. */
  rareSystemCalls: z.boolean().default(true),
  /** A service in /etc/pam.d whose session sets the limits of limits.conf, as Slurm's UsePAM; null: the executor's own limits. */
  pamService: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be the name of a file in /etc/pam.d")
    .nullable()
    .default(null),
});
