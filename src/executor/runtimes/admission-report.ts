// Follows the admission of one user to a folder by the lines of glean-spawn: there is one.

import type { Report } from "./spawn-report.js";

export class AdmissionReport implements Report {
  /** `settle` gets the exit status (slurm-plugin/PROTOCOL.md); null if there is none. */
  constructor(private readonly settle: (status: number | null) => void) {}

  take(line: string): boolean {
    const gone = /^gone (\d{1,3}) (\d{1,3})$/.exec(line);
    if (gone === null) return false;
    this.settle(gone[2] === "0" ? Number(gone[1]) : null);
    return true;
  }

  /** Nothing of it outlasts its end. */
  abandon(): void {}

  vanish(): void {
    this.settle(null);
  }

  fail(): void {
    this.settle(null);
  }
}
