// Audit records of actions that need authority: who did what, when, from where.

export const auditActions = [
  "submit",
  "cancel",
  "hold",
  "release",
  "update",
  "drain",
  "resume",
  "token",
  "revoke",
  "verify",
  "deploy",
  "alias",
  "share",
  "remove",
  /** Somebody requested something they are not permitted to do. */
  "refuse",
  /** A user's actions beyond those that are recorded individually. */
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
  /** What the action applied to: ids, nodes, a user. */
  readonly subject: string;
  readonly detail: string;
}
