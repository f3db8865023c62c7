// What a failing Slurm command complains of, and what an administrator should check: slurmctld, or
// munge, without which slurmctld answers nobody.

/** The longest quoted line. */
const maxLength = 300;

/**
 * The line of `errors` that names the cause, shortened: the first, unless a later one says what
 * munge answered.
 */
export function complaintOf(errors: string): string {
  const lines = errors.split("\n").map((line) => line.trim());
  const ofMunge = lines.find((line) => /Munge (en|de)code failed/.test(line));
  return (ofMunge ?? lines.find((line) => line !== "") ?? "").slice(0, maxLength);
}

/** The advice after the colon of an error message; `otherwise`, if munge is not the cause. */
export function whatToCheck(
  complaint: string,
  otherwise = "check that slurmctld is up (scontrol ping)",
): string {
  if (/Munge encode failed/.test(complaint))
    return "check that munged is running on this machine (munge -n | unmunge)";
  // slurmctld closes the connection without an answer if it rejects the credential, or crashes.
  if (/authentication|Munge decode failed|Zero Bytes were transmitted/i.test(complaint))
    return "look into slurmctld's log, and check that this machine and slurmctld's have the same time (date) and the same munge key";
  return otherwise;
}

/** For a command that said nothing in its time. */
export const whatToCheckIfSilent =
  "check that munged answers on this machine (munge -n | unmunge), and whether slurmctld is up (scontrol ping) or overloaded (sdiag)";
