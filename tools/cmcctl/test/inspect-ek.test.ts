import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { afterEach, expect, test, vi } from 'vitest';
import { createProgram } from '../src/program.ts';
import { parseOutput } from './outputs.ts';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function inspect(...args: readonly string[]): Promise<{ code: unknown; out: string }> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  await createProgram().parseAsync(['inspect', 'cert', ...args], { from: 'user' });
  return { code: process.exitCode ?? 0, out };
}

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly expected: { readonly verdict: string; readonly verifyAt: string };
  readonly facts?: {
    readonly trailingBytes?: number;
    readonly certificate: { readonly tcgSan?: Readonly<Record<string, string>> };
    readonly issuerFile?: string;
  };
}

const EK = join(vectorsDir(), 'ek');
const { entries } = JSON.parse(readFileSync(join(EK, 'index.json'), 'utf8')) as {
  readonly entries: readonly Vector[];
};
const certificates = entries.filter(({ facts }) => facts !== undefined);
/** Signed with SHA-1, which proves nothing any more. */
const SHA1 = ['st-oaep-hirs-nuc2', 'st-oaep-hirs-ab21'];
const SOME_ROOT = 'trust-anchors/tpm-ek/STM_ECC_01I.pem';

test.each(certificates.map((vector) => [vector.id, vector] as const))(
  'shows the endorsement certificate %s with the expected verdict',
  async (id, { file, expected, facts }) => {
    const issuer = facts?.issuerFile ?? SOME_ROOT;
    const roots = join(issuer.startsWith('trust-anchors') ? vectorsDir() : EK, issuer);
    const at = ['--roots', roots, '--at', expected.verifyAt];
    const { code, out } = await inspect(join(EK, file), ...at, '--json');
    const isGood = expected.verdict.startsWith('accept') && !SHA1.includes(id);
    const outcome = parseOutput('inspect-cert', out);
    expect(outcome.verdict).toBe(isGood ? 'accept' : 'reject');
    expect(code).toBe(isGood ? 0 : 1);
    expect(outcome.paddingBytes).toBe(facts?.trailingBytes);
    const model = facts?.certificate.tcgSan?.['2.23.133.2.2'];
    const { endorsement } = outcome;
    if (endorsement !== undefined && 'model' in endorsement) expect(endorsement.model).toBe(model);
    // SHA-1 and signing keys: what a provisioning server would not take.
    else expect(Boolean(endorsement)).toBe(SHA1.includes(id) || id === 'gce-uca-tpm-rsa-sign');
  },
);
