import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '@cmc/testkit';

/** Whether there is an openssl to compare with. */
export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0;

/** What is asked. Certificates are DER. */
export interface OpensslQuestion {
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  readonly now: Date;
}

/** Whether `openssl verify` accepts a chain, at security level 2 (112 bits), any trusted certificate an anchor. */
export function opensslVerify({ leaf, intermediates, roots, now }: OpensslQuestion): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'cmc-openssl-'));
  try {
    const file = (name: string, certificates: readonly Uint8Array[]): string => {
      writeFileSync(join(folder, name), certificates.map((der) => toPem(der)).join(''));
      return join(folder, name);
    };
    const result = spawnSync('openssl', [
      'verify',
      '-no-CApath',
      '-no-CAstore',
      '-partial_chain',
      ...['-auth_level', '2'],
      ...['-attime', String(Math.floor(now.getTime() / 1000))],
      ...['-CAfile', file('roots.pem', roots)],
      ...(intermediates.length > 0 ? ['-untrusted', file('untrusted.pem', intermediates)] : []),
      file('leaf.pem', [leaf]),
    ]);
    return result.status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
