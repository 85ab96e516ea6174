import { EXIT } from '@cmc/host';
import { auditProblem } from '../store/audit-hash.ts';
import type { AuditEntry } from '../store/store.ts';
import type { CommandContext } from './program.ts';

const PAGE = 1000;

/** `provserver audit`: every entry, or with `--verify` whether all are there and as they were. */
export async function audit({ store, flags, write }: CommandContext): Promise<void> {
  const { verify, json } = flags;
  let last: AuditEntry | undefined;
  for (;;) {
    const page = await store.auditTrail({ limit: PAGE, after: last?.sequence ?? 0 });
    const problem = verify === true ? auditProblem(page, last) : undefined;
    if (problem !== undefined) {
      write(json === true ? `${JSON.stringify({ ok: false, problem })}\n` : `${problem}\n`);
      process.exitCode = EXIT.attestationFailed;
      return;
    }
    if (verify !== true) {
      for (const entry of page) write(json === true ? `${JSON.stringify(entry)}\n` : lineOf(entry));
    }
    last = page.at(-1) ?? last;
    if (page.length < PAGE) break;
  }
  if (verify !== true) return;
  const answer = { ok: true, entries: last?.sequence ?? 0, ...(last && { hash: last.hash }) };
  const words = `${answer.entries} entries, none changed or missing; the last has hash ${last?.hash}\n`;
  write(json === true ? `${JSON.stringify(answer)}\n` : words);
}

function lineOf({ sequence, at, action, subject, details }: AuditEntry): string {
  const pairs = Object.entries(details).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  // Names come from requests: nothing in them may steer a terminal.
  const line = [sequence, at.toISOString(), action, JSON.stringify(subject), ...pairs].join(' ');
  return `${line.replaceAll(/\p{C}/gu, '?')}\n`;
}
