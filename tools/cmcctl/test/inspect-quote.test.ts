import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { inspectQuote } from '../src/inspect/quote.ts';
import type { CmcctlSettings } from '../src/settings.ts';
import { parseOutput } from './outputs.ts';

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
  readonly expected: {
    readonly verdict: 'accept' | 'reject';
    readonly nonce: string;
    readonly verifyAt?: string;
  };
  readonly facts: { readonly attest: { readonly pcrDigest?: string } };
}

const folder = join(vectorsDir(), 'tpm-quote');
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(join(folder, 'index.json'), 'utf8'),
).entries;

function settingsOf({ files, expected }: Vector): CmcctlSettings {
  const path = (name: string): string => join(folder, files[name] ?? '');
  return {
    signature: path('signature'),
    key: path(files['ak'] === undefined ? 'akCert' : 'ak'),
    nonce: [expected.nonce],
    ...(files['pcrs'] === undefined ? {} : { pcrs: path('pcrs') }),
    ...(files['ca'] === undefined ? {} : { roots: [path('ca')] }),
    ...(expected.verifyAt === undefined ? {} : { at: expected.verifyAt }),
  };
}

const quote = vectors.find(({ id }) => id === 'rsa-sha256-cmc') as Vector;
const attestOf = ({ file }: Vector) => new Uint8Array(readFileSync(join(folder, file)));

describe('inspect quote', () => {
  test.each(vectors)('gives the verdict of $id', async (vector) => {
    const { outcome, exitCode } = await inspectQuote(attestOf(vector), settingsOf(vector));
    const { attest, verdict, checks } = parseOutput('inspect-quote', JSON.stringify(outcome));
    expect(verdict).toBe(vector.expected.verdict);
    expect(exitCode).toBe(verdict === 'accept' ? 0 : 1);
    expect(checks.every(({ pass }) => pass)).toBe(verdict === 'accept');
    expect(attest?.pcrDigest).toBe(vector.facts.attest.pcrDigest);
  });

  test('does not claim to have compared a nonce and PCR values that were not given', async () => {
    const { nonce: _, pcrs: __, ...settings } = settingsOf(quote);
    const { outcome, lines } = await inspectQuote(attestOf(quote), settings);
    const { checks, verdict } = parseOutput('inspect-quote', JSON.stringify(outcome));
    expect(verdict).toBe('accept');
    expect(checks.map(({ id }) => id)).not.toContain('nonce');
    expect(checks.map(({ id }) => id)).not.toContain('pcr-digest');
    expect(lines.join()).toMatch(/nonce is not compared.*PCR values are not compared/);
  });

  test.each<[string, CmcctlSettings]>([
    ['no signature', { key: 'k' }],
    ['no key', { signature: 's' }],
    ['a nonce that is not hex', { ...settingsOf(quote), nonce: ['xyz'] }],
    ['PCR values that are none', { ...settingsOf(quote), pcrs: settingsOf(quote).key ?? '' }],
    ['a key that is none', { ...settingsOf(quote), key: settingsOf(quote).pcrs ?? '' }],
  ])('%s is a wrong call', async (_, settings) => {
    await expect(inspectQuote(attestOf(quote), settings)).rejects.toMatchObject({
      code: 'ERR_USAGE',
    });
  });
});
