import { createHash } from 'node:crypto';
import type { AuditEntry } from './store.ts';

/** What the first entry of an audit trail follows. */
export const FIRST_HASH: string = '0'.repeat(64);

/** Hash of an entry that follows one with hash `previous`: SHA-256, lower-case hex. */
export function auditHash(previous: string, entry: Omit<AuditEntry, 'hash'>): string {
  const { sequence, at, action, subject, details } = entry;
  const names = Object.keys(details).sort();
  const text = JSON.stringify([
    previous,
    sequence,
    at.getTime(),
    action,
    subject,
    names.map((name) => [name, details[name]]),
  ]);
  return createHash('sha256').update(text).digest('hex');
}

/** What is wrong with `entries`, which follow one with `sequence` and `hash`; undefined if nothing. */
export function auditProblem(
  entries: readonly AuditEntry[],
  before: { readonly sequence: number; readonly hash: string } = { sequence: 0, hash: FIRST_HASH },
): string | undefined {
  let { sequence, hash } = before;
  for (const entry of entries) {
    sequence += 1;
    if (entry.sequence !== sequence) return `entry ${sequence} is missing`;
    hash = auditHash(hash, entry);
    if (entry.hash !== hash) return `entry ${sequence}, or one before it, was changed`;
  }
  return undefined;
}
