// The section isolation: what else functions are kept from.

import { z } from "zod";

export const isolation = z
  .strictObject({
    privateDirectories: z
      .array(
        z
          .string()
          .regex(/^\/(?!\.)[^/]+(\/(?!\.)[^/]+)*$/, "must be an absolute path below /")
          .meta({ title: "absolute path" }),
      )
      .max(8)
      .default([])
      .describe(
        "Directories of which each function has its own, such as `[/tmp, /var/tmp]`: empty at its start, in its memory, and gone at its end, as with Slurm's job_container/tmpfs. gleanerd refuses output and checkpoints there.",
      ),
    userNamespaces: z
      .boolean()
      .default(true)
      .describe(
        "Whether functions may make user namespaces. Containers without root (Apptainer, Podman) need them, and so do most attacks on kernels.",
      ),
    rareSystemCalls: z
      .boolean()
      .default(true)
      .describe(
        "Whether functions may use bpf, perf_event_open, userfaultfd, io_uring, the kernel's keys and modules, and 32-bit programs. Profilers need perf_event_open, some databases io_uring.",
      ),
    pamService: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be the name of a file in /etc/pam.d")
      .meta({ title: "name" })
      .nullable()
      .default(null)
      .describe(
        "A service in /etc/pam.d on the nodes. Its session sets the limits of functions, such as those of /etc/security/limits.conf with `session required pam_limits.so`, as Slurm's UsePAM does for jobs. `null`: functions have the executor's limits.",
      ),
  })
  .describe(
    "Functions are always kept from other users' files and processes, from cores and memory beyond their own, from set-uid programs, from core files, and from each other's /dev/shm, System V memory and session keys. These keys keep more from them. By default nothing more is, because each key takes something that some functions need.",
  );
