import { fromHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { type HashName, verifyCertify, verifyQuote } from '../src/verify/index.ts';
import { BANKS, readCases, readPcrs, readText, readVector, spkiOfPem } from './support/vectors.ts';

const ALL_HASHES: readonly HashName[] = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];
/** The check that each reason for rejection must show up in; chains are not checked at this level. */
const FAILED_CHECK: Readonly<Record<string, string>> = {
  'signature invalid': 'signature',
  'extraData differs from the nonce': 'nonce',
  'extraData is longer than the nonce; prefixes must not match': 'nonce',
  'PCR digest does not match': 'pcr-digest',
  'type is not QUOTE and the signature fails': 'attest',
  'attestation type is CERTIFY, not QUOTE': 'type',
};
const CHAIN_ONLY = 'AK certificate does not chain to the CA';

describe.each(readCases('tpm-quote'))('$id', ({ file, files = {}, expected, facts }) => {
  const key = {
    spki: spkiOfPem(readText('tpm-quote', (files['ak'] ?? files['akCert']) as string)),
  };
  const attest = readVector('tpm-quote', file);
  const signature = readVector('tpm-quote', files['signature'] as string);
  const banks = Object.keys(facts.attest.pcrSelection ?? { sha256: [] }).map(
    (bank) => BANKS[bank] as HashName,
  );
  const options = {
    attest,
    signature,
    key,
    nonce: fromHex(expected.nonce),
    banks,
    signatureHashes: ALL_HASHES,
    ...(files['pcrs'] === undefined ? {} : { pcrs: readPcrs('tpm-quote', files['pcrs']) }),
  };

  test(`is ${expected.verdict}ed, for the reason that the index gives`, async () => {
    const { ok, checks } = await verifyQuote(options);
    const failed = checks.filter((check) => !check.ok).map(({ id }) => id);
    if (expected.verdict === 'accept' || expected.rejectReason === CHAIN_ONLY) {
      expect(failed).toEqual([]);
      expect(ok).toBe(true);
    } else {
      expect(ok).toBe(false);
      expect(failed).toContain(FAILED_CHECK[expected.rejectReason ?? '']);
    }
    const signed = checks.find(({ id }) => id === 'signature');
    expect(signed?.ok).toBe(expected.signature === 'valid');
  });

  test.runIf(files['certifiedPublic'] !== undefined)('certifies the object beside it', async () => {
    const object = readVector('tpm-quote', files['certifiedPublic'] as string);
    const certify = { ...options, qualifyingData: options.nonce, object };
    const { ok, checks } = await verifyCertify(certify);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    const other = object.slice();
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    expect((await verifyCertify({ ...certify, object: other })).ok).toBe(false);
  });
});
