// Slurm's commands fail for want of slurmctld or of munge: what they print, and what to check.

import { expect, test } from "@jest/globals";
import { complaintOf, whatToCheck } from "../../../../src/core/explain/slurm-complaints.js";

/** As squeue of 22.05 prints it, with no munged at its socket. */
const withoutMunged = `squeue: error: If munged is up, restart with --num-threads=10
squeue: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory (Did you start munged?)
squeue: error: slurm_send_node_msg: auth_g_create: REQUEST_JOB_INFO has authentication error
slurm_load_jobs error: Protocol authentication error
`;

test("names munged if it does not run, and not slurmctld", () => {
  const complaint = complaintOf(withoutMunged);
  expect(complaint).toMatch(/^squeue: error: Munge encode failed: Failed to access/);
  expect(whatToCheck(complaint)).toBe(
    "check that munged is running on this machine (munge -n | unmunge)",
  );
});

test.each([
  "slurm_load_jobs error: Zero Bytes were transmitted or received",
  "slurm_load_jobs error: Protocol authentication error",
  // As 24.11 and 26.05 print it.
  "slurm_load_node error: Protocol authentication error",
  "squeue: error: Munge decode failed: Rewound credential\nslurm_load_jobs error: Unspecified error",
])("names clocks and keys if a credential is refused: %s", (said) => {
  expect(whatToCheck(complaintOf(`${said}\n`))).toMatch(/same time .* same munge key/);
});

test("names slurmctld, or what the caller knows, otherwise", () => {
  const said = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)";
  expect(whatToCheck(complaintOf(said))).toMatch(/slurmctld is up/);
  expect(whatToCheck("sbatch: error: invalid partition specified: x", "check it")).toBe("check it");
});

test("quotes the first line that is not empty, shortened", () => {
  expect(complaintOf("\n\n  first  \nsecond\n")).toBe("first");
  expect(complaintOf("x".repeat(1_000))).toHaveLength(300);
  expect(complaintOf("")).toBe("");
});
