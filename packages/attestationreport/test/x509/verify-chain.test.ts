import { DecodeError } from '@cmc/bytes';
import { createFakeCa, type FakeCa, flipEachByte, type IssueOptions } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Certificate,
  type ChainPurpose,
  type ChainResult,
  MAX_SIGNATURE_CHECKS,
  NOT_BEFORE_LEEWAY_MS,
  parseCertificate,
  verifyChain,
} from '../../src/x509/index.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const VALID = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};

let root: FakeCa;
let between: FakeCa;
let trusted: readonly Certificate[];

beforeAll(async () => {
  root = createFakeCa({ commonName: 'root', ...VALID });
  between = await root.issueCa({ commonName: 'between', ...VALID });
  trusted = [parseCertificate(root.certificate)];
});

async function verifyLeaf(
  options: IssueOptions,
  { now = NOW, purpose = 'any' }: { now?: Date; purpose?: ChainPurpose } = {},
): Promise<ChainResult> {
  const { chain } = await between.issue({ commonName: 'leaf', ...VALID, ...options });
  return verifyDer(chain, { now, purpose });
}

function verifyDer(
  chain: readonly Uint8Array[],
  { now = NOW, purpose = 'any' }: { now?: Date; purpose?: ChainPurpose } = {},
): Promise<ChainResult> {
  const [leaf, ...intermediates] = chain.map(parseCertificate);
  return verifyChain({ leaf: leaf!, intermediates, roots: trusted, now, purpose });
}

describe('verifyChain', () => {
  test('gives the chain, leaf first, root last', async () => {
    const result = await verifyLeaf({});
    const subjects = result.ok && result.chains.map((chain) => chain.map(({ subject }) => subject));
    expect(subjects).toEqual([['CN=leaf', 'CN=between', 'CN=root']]);
  });

  test('gives every chain there is', async () => {
    const otherRoot = createFakeCa({ commonName: 'other root', ...VALID });
    const cross = await otherRoot.issueCa({ commonName: 'between', key: between.key, ...VALID });
    const { certificate } = await between.issue({ commonName: 'leaf', ...VALID });
    const result = await verifyChain({
      leaf: parseCertificate(certificate),
      intermediates: [between.certificate, cross.certificate].map(parseCertificate),
      roots: [...trusted, parseCertificate(otherRoot.certificate)],
      now: NOW,
    });
    const ends = result.ok && result.chains.map((chain) => chain.at(-1)?.subject);
    expect(ends).toEqual(['CN=root', 'CN=other root']);
  });

  test('a root sent along as intermediate does not make a second chain', async () => {
    const { chain } = await between.issue({ commonName: 'leaf', ...VALID });
    const result = await verifyDer([...chain, root.certificate]);
    expect(result.ok && result.chains).toHaveLength(1);
  });

  test('says both clocks when a certificate is not valid yet or any more', async () => {
    const late = await verifyLeaf({}, { now: new Date('2027-01-01T00:00:00.001Z') });
    expect(late).toEqual({
      ok: false,
      reason: 'CN=leaf: valid until 2027-01-01T00:00:00.000Z, now it is 2027-01-01T00:00:00.001Z',
    });
    const early = await verifyLeaf({}, { now: new Date('2025-12-31T00:00:00Z') });
    expect(early).toEqual({
      ok: false,
      reason: 'CN=leaf: valid from 2026-01-01T00:00:00.000Z, now it is 2025-12-31T00:00:00.000Z',
    });
  });

  test('says which issuer is missing', async () => {
    const { certificate } = await between.issue({ commonName: 'leaf', ...VALID });
    expect(await verifyDer([certificate])).toEqual({
      ok: false,
      reason: 'CN=leaf: no certificate of its issuer, CN=between',
    });
  });

  test('allows a small leeway at notBefore and none at notAfter', async () => {
    const { notBefore, notAfter } = VALID;
    const at = (time: number) => verifyLeaf({}, { now: new Date(time) });
    expect((await at(notBefore.getTime() - NOT_BEFORE_LEEWAY_MS)).ok).toBe(true);
    expect((await at(notBefore.getTime() - NOT_BEFORE_LEEWAY_MS - 1)).ok).toBe(false);
    expect((await at(notAfter.getTime())).ok).toBe(true);
    expect((await at(notAfter.getTime() + 1)).ok).toBe(false);
  });

  test('never answers at an impossible time', async () => {
    await expect(verifyLeaf({}, { now: new Date(Number.NaN) })).rejects.toThrow(RangeError);
  });

  test('never accepts without trust anchors', async () => {
    const { chain } = await between.issue({ commonName: 'leaf', ...VALID });
    const [leaf, ...intermediates] = chain.map(parseCertificate);
    const options = { leaf: leaf!, intermediates, roots: [], now: NOW };
    expect((await verifyChain(options)).ok).toBe(false);
  });

  test('refuses more intermediates than anybody needs', async () => {
    const { chain } = await between.issue({ commonName: 'leaf', ...VALID });
    const many = [...chain, ...Array.from({ length: 16 }, () => between.certificate)];
    expect(await verifyDer(many)).toEqual({ ok: false, reason: '17 intermediates, at most 16' });
  });

  test('gives up on a tangle of certificates after a bounded number of signatures', async () => {
    // Five layers with three ways through each: 363 signatures to verify, and no root at the end.
    const { key } = between;
    const authority = (commonName: string): FakeCa => createFakeCa({ commonName, key });
    const layers = ['a', 'b', 'c', 'd', 'e'];
    const tangle: Uint8Array[] = [];
    for (const [index, commonName] of layers.entries()) {
      for (let way = 0; way < 3; way++) {
        const above = authority(layers[index + 1] ?? 'nowhere');
        tangle.push((await above.issueCa({ commonName, key, ...VALID })).certificate);
      }
    }
    const { certificate } = await authority('a').issue({ commonName: 'leaf', ...VALID });
    const result = await verifyDer([certificate, ...tangle]);
    const reason = result.ok ? '' : result.reason;
    expect(reason).toContain(`gave up after ${MAX_SIGNATURE_CHECKS} signatures`);
  });

  test('refuses a leaf with any byte changed', async () => {
    const { certificate } = await between.issue({ commonName: 'leaf', ...VALID });
    for (const { bytes, offset } of flipEachByte(certificate)) {
      expect(await isAccepted([bytes, between.certificate]), `byte ${offset}`).toBe(false);
    }
  });

  test('refuses an intermediate with any byte changed', async () => {
    const { certificate } = await between.issue({ commonName: 'leaf', ...VALID });
    for (const { bytes, offset } of flipEachByte(between.certificate)) {
      expect(await isAccepted([certificate, bytes]), `byte ${offset}`).toBe(false);
    }
  });
});

async function isAccepted(chain: readonly Uint8Array[]): Promise<boolean> {
  try {
    return (await verifyDer(chain)).ok;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

describe('verifyChain for a purpose', () => {
  test('R11 refuses a TLS certificate of the same CA as signer of metadata', async () => {
    const tls = { extendedKeyUsage: ['serverAuth', 'clientAuth'] } as const;
    expect(await verifyLeaf(tls, { purpose: 'metadata' })).toEqual({
      ok: false,
      reason: 'CN=leaf: its extended key usage does not allow purpose "metadata"',
    });
    expect((await verifyLeaf(tls, { purpose: 'any' })).ok).toBe(true);
    expect((await verifyLeaf(tls, { purpose: 'report' })).ok).toBe(true);
  });

  test('R11 refuses a certificate for signing metadata as signer of reports', async () => {
    const signer = { extendedKeyUsage: ['codeSigning'] } as const;
    expect((await verifyLeaf(signer, { purpose: 'report' })).ok).toBe(false);
    expect((await verifyLeaf(signer, { purpose: 'metadata' })).ok).toBe(true);
  });

  test.each([
    ['code signing', ['codeSigning'], true],
    ['any usage', ['any'], true],
    ['code signing among others', ['timeStamping', 'codeSigning'], true],
    ['e-mail protection', ['emailProtection'], false],
    ['an unknown usage', ['1.2.3.4'], false],
  ] as const)('R34 metadata signer with %s', async (_, extendedKeyUsage, ok) => {
    expect((await verifyLeaf({ extendedKeyUsage }, { purpose: 'metadata' })).ok).toBe(ok);
  });

  test('R34 accepts a metadata signer without extended key usage', async () => {
    expect((await verifyLeaf({}, { purpose: 'metadata' })).ok).toBe(true);
  });

  test.each([
    [['digitalSignature'], true],
    [['contentCommitment'], true],
    [['keyEncipherment', 'digitalSignature'], true],
    [['keyEncipherment'], false],
    [['certSign', 'crlSign'], false],
    [[], false],
    [false, true],
  ] as const)('R34 metadata signer with key usage %j: %s', async (keyUsage, ok) => {
    expect((await verifyLeaf({ keyUsage }, { purpose: 'metadata' })).ok).toBe(ok);
  });

  test('R34 a CA for TLS only cannot make signers of metadata', async () => {
    const tlsCa = await root.issueCa({
      commonName: 'TLS CA',
      extendedKeyUsage: ['serverAuth'],
      ...VALID,
    });
    const { chain } = await tlsCa.issue({ extendedKeyUsage: ['codeSigning'], ...VALID });
    expect((await verifyDer(chain, { purpose: 'metadata' })).ok).toBe(false);
    expect((await verifyDer(chain, { purpose: 'any' })).ok).toBe(true);
  });
});

describe('the cache of verified chains', () => {
  test('answers again at a time that changes nothing, and not beyond', async () => {
    const { chain } = await between.issue({ commonName: 'leaf', ...VALID });
    for (const at of ['2026-06-01', '2026-06-01', '2026-02-01', '2026-12-31']) {
      expect((await verifyDer(chain, { now: new Date(at) })).ok).toBe(true);
    }
    for (const at of ['2027-01-02', '2025-12-01']) {
      expect((await verifyDer(chain, { now: new Date(at) })).ok).toBe(false);
    }
    expect((await verifyDer(chain)).ok).toBe(true);
  });

  test('does not answer for another root, purpose or set of intermediates', async () => {
    const { chain } = await between.issue({ extendedKeyUsage: ['serverAuth'], ...VALID });
    const [leaf, ...intermediates] = chain.map(parseCertificate);
    const verified = { leaf: leaf!, intermediates, roots: trusted, now: NOW };
    expect((await verifyChain(verified)).ok).toBe(true);
    const otherRoot = parseCertificate(createFakeCa({ commonName: 'root' }).certificate);
    expect((await verifyChain({ ...verified, roots: [otherRoot] })).ok).toBe(false);
    expect((await verifyChain({ ...verified, purpose: 'metadata' })).ok).toBe(false);
    expect((await verifyChain({ ...verified, intermediates: [] })).ok).toBe(false);
  });

  test('notices that a longer way became valid', async () => {
    const later = { notBefore: new Date('2026-09-01T00:00:00Z'), notAfter: VALID.notAfter };
    const otherRoot = createFakeCa({ commonName: 'other root', ...VALID });
    const cross = await otherRoot.issueCa({ commonName: 'between', key: between.key, ...later });
    const { certificate } = await between.issue({ commonName: 'leaf', ...VALID });
    const ask = async (now: Date): Promise<number> => {
      const result = await verifyChain({
        leaf: parseCertificate(certificate),
        intermediates: [between.certificate, cross.certificate].map(parseCertificate),
        roots: [...trusted, parseCertificate(otherRoot.certificate)],
        now,
      });
      return result.ok ? result.chains.length : 0;
    };
    expect(await ask(NOW)).toBe(1);
    expect(await ask(new Date('2026-09-01T00:00:00Z'))).toBe(2);
    expect(await ask(NOW)).toBe(1);
  });

  test('is much faster the second time', async () => {
    const { chain } = await between.issue({ commonName: 'leaf', ...VALID });
    const [leaf, ...intermediates] = chain.map(parseCertificate);
    const options = { leaf: leaf!, intermediates, roots: trusted, now: NOW };
    const time = async (): Promise<number> => {
      const start = performance.now();
      await verifyChain(options);
      return performance.now() - start;
    };
    const first = await time();
    const again = Math.min(await time(), await time(), await time());
    expect(again).toBeLessThan(first);
  });
});
