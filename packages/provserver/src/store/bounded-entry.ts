import { MAX_AUDIT_TEXT } from './limits.ts';
import type { NewAuditEntry } from './store.ts';

/** An entry whose texts are not longer than the audit trail takes. */
export function boundedEntry(entry: NewAuditEntry): Required<NewAuditEntry> {
  const cut = (text: string): string =>
    text.length > MAX_AUDIT_TEXT ? `${text.slice(0, MAX_AUDIT_TEXT - 1)}…` : text;
  const details = Object.entries(entry.details ?? {}).map(([name, text]) => [name, cut(text)]);
  return {
    action: entry.action,
    subject: cut(entry.subject),
    details: Object.fromEntries(details) as Readonly<Record<string, string>>,
  };
}
