import { DecodeError } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { parseCertificate, verifyChain } from '../../src/x509/index.ts';
import { CASES, type Chain, NOW } from './chain-cases.ts';
import { hasOpenssl, opensslVerify } from './openssl.ts';

async function verdict({ leaf, intermediates, roots }: Chain): Promise<boolean> {
  try {
    const result = await verifyChain({
      leaf: parseCertificate(leaf),
      intermediates: intermediates.map(parseCertificate),
      roots: roots.map(parseCertificate),
      now: NOW,
    });
    return result.ok;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

describe('verifyChain', () => {
  for (const { title, accept, make } of CASES) {
    test(`${accept ? 'accepts' : 'refuses'} ${title}`, async () => {
      expect(await verdict(await make())).toBe(accept);
    });
  }

  test('openssl is there to compare with, in CI at least', () => {
    const { CI } = process.env;
    expect(hasOpenssl || !CI, 'openssl is missing').toBe(true);
  });

  for (const { title, accept, openssl, make } of CASES) {
    const agrees = openssl === undefined ? 'agrees' : `does not agree (${openssl.why})`;
    test.skipIf(!hasOpenssl)(`openssl ${agrees} on ${title}`, async () => {
      const chain = await make();
      expect(opensslVerify({ ...chain, now: NOW })).toBe(openssl?.accept ?? accept);
    });
  }
});
