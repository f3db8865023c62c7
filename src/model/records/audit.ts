// What is kept of acts that need authority: who did what, when, from where.

export const auditActions = [
  "submit",
  "cancel",
  "drain",
  "resume",
  "token",
  "revoke",
  "verify",
  /** Somebody asked for what they may not. */
  "refuse",
  /** More of a user's acts than are recorded one by one. */
  "more",
] as const;
export type AuditAction = (typeof auditActions)[number];

export interface AuditEvent {
  readonly atMs: number;
  readonly uid: number;
  readonly user: string;
  readonly operator: boolean;
  /** The address that the request came from. */
  readonly source: string;
  readonly action: AuditAction;
  /** What it was done to: ids, nodes, a user. */
  readonly subject: string;
  readonly detail: string;
}
