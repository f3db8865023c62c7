// The audit log and the epochs of tokens.

import type { AuditFilter } from "../../../core/ports/store.js";
import type { AuditEvent } from "../../../model/records/audit.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

/** Represents everybody in the table of epochs. */
const everybody = -1;

type AuditRow = Omit<AuditEvent, "operator"> & { readonly operator: number };

export function auditWrites(
  database: Connection,
): Operations<"revokeTokens" | "saveAudit" | "pruneAudit"> {
  const revoke = database.prepare<[number]>(
    `INSERT INTO token_epoch (uid, epoch) VALUES (?, 1)
     ON CONFLICT (uid) DO UPDATE SET epoch = epoch + 1`,
  );
  const insert = database.prepare<AuditRow>(
    `INSERT INTO audit_event (at_ms, uid, user, operator, source, action, subject, detail)
     VALUES (@atMs, @uid, @user, @operator, @source, @action, @subject, @detail)`,
  );
  const deleteOld = database.prepare<[number, number]>(
    "DELETE FROM audit_event WHERE id IN (SELECT id FROM audit_event WHERE at_ms < ? LIMIT ?)",
  );
  const count = database.prepare<[], number>("SELECT count(*) FROM audit_event").pluck();
  const deleteOldest = database.prepare<[number]>(
    `DELETE FROM audit_event WHERE id IN
       (SELECT id FROM audit_event WHERE operator = 0 ORDER BY id LIMIT ?)`,
  );
  return {
    revokeTokens: (uid) => void revoke.run(uid ?? everybody),
    saveAudit: (event) => void insert.run({ ...event, operator: event.operator ? 1 : 0 }),
    pruneAudit(beforeMs, maxRows, limit) {
      const removed = deleteOld.run(beforeMs, limit).changes;
      const above = Math.min(count.get()! - maxRows, limit);
      return removed + (above > 0 ? deleteOldest.run(above).changes : 0);
    },
  };
}

export function auditReads(database: Connection): Operations<"loadTokenEpochs" | "listAudit"> {
  const epochs = database.prepare<[], { uid: number; epoch: number }>("SELECT * FROM token_epoch");
  const select = database.prepare<Nullable<AuditFilter>, AuditRow>(
    `SELECT at_ms AS atMs, uid, user, operator, source, action, subject, detail FROM audit_event
     WHERE (@uid IS NULL OR uid = @uid) AND (@action IS NULL OR action = @action)
       AND (@fromMs IS NULL OR at_ms >= @fromMs) AND (@toMs IS NULL OR at_ms < @toMs)
     ORDER BY id DESC LIMIT @limit`,
  );
  return {
    loadTokenEpochs: () =>
      new Map(epochs.all().map(({ uid, epoch }) => [uid === everybody ? null : uid, epoch])),
    listAudit({ uid = null, action = null, fromMs = null, toMs = null, limit }) {
      const rows = select.all({ uid, action, fromMs, toMs, limit });
      return rows.map((row) => ({ ...row, operator: row.operator === 1 }));
    },
  };
}

type Nullable<T> = { readonly [Key in keyof T]-?: T[Key] | null };
