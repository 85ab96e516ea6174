import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeUtf8, equalBytes } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { DerReader, Tag } from '../../src/crypto/index.ts';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
  verifyChain,
} from '../../src/x509/index.ts';

interface Entry {
  readonly id: string;
  readonly file: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly expected: { readonly chain?: string | null; readonly verifyAt?: string | null };
}

function json<T>(path: string): T {
  return JSON.parse(readFileSync(join(vectorsDir(), path), 'utf8')) as T;
}

function load(folder: string, path: string): Certificate {
  const where = path.startsWith('trust-anchors/') ? path : join(folder, path);
  const bytes = new Uint8Array(readFileSync(join(vectorsDir(), where)));
  if (bytes[0] !== 0x30) return parsePemCertificates(decodeUtf8(bytes))[0]!;
  // One file has other data of the TPM behind the certificate.
  return parseCertificate(new DerReader(bytes, path).element(Tag.Sequence, 'certificate'));
}

describe('chains of AMD SEV-SNP', () => {
  const { entries } = json<{ readonly entries: readonly Entry[] }>('snp/index.json');
  const withChain = entries.filter(({ expected, files }) => expected.verifyAt && files?.['root']);

  test('there are many of them', () => {
    expect(withChain.length).toBeGreaterThanOrEqual(20);
  });

  for (const { id, files = {}, expected } of withChain) {
    test(`${expected.chain === 'valid' ? 'accepts' : 'refuses'} that of ${id}`, async () => {
      const { vcek, vlek, intermediate, root } = files;
      const result = await verifyChain({
        leaf: load('snp', vcek ?? vlek ?? ''),
        intermediates: [load('snp', intermediate ?? '')],
        roots: [load('snp', root ?? '')],
        now: new Date(expected.verifyAt ?? ''),
      });
      expect(result.ok).toBe(expected.chain === 'valid');
    });
  }
});

describe('chains of TPM endorsement keys', () => {
  const { entries } = json<{ readonly entries: readonly Entry[] }>('ek/index.json');
  const { tpmEk } = json<{ readonly tpmEk: readonly { readonly file: string }[] }>(
    'trust-anchors/index.json',
  );
  const anchors = tpmEk.map(({ file }) => load('', file));
  const isSelfIssued = ({ subjectName, issuerName }: Certificate): boolean =>
    equalBytes(subjectName.raw, issuerName.raw);
  const roots = anchors.filter(isSelfIssued);
  const others = anchors.filter((anchor) => !isSelfIssued(anchor));

  for (const { id, file, expected } of entries.filter(
    ({ expected: { chain } }) => chain === 'valid',
  )) {
    test(`accepts that of ${id}`, async () => {
      const leaf = load('ek', file);
      const issuers = others.filter(({ subject }) => subject === leaf.issuer);
      const above = others.filter(({ subject }) =>
        issuers.some(({ issuer }) => issuer === subject),
      );
      const intermediates = [...issuers, ...above];
      const now = new Date(expected.verifyAt ?? '');
      const result = await verifyChain({ leaf, intermediates, roots, now });
      expect(result).toMatchObject({ ok: true });
    });
  }

  test('refuses a certificate whose contents were changed', async () => {
    const altered = entries.find(({ id }) => id === 'st-ecc-keylime-model-altered');
    const leaf = load('ek', altered?.file ?? '');
    const now = new Date(altered?.expected.verifyAt ?? '');
    const issuers = others.filter(({ subject }) => subject === leaf.issuer);
    expect(issuers).not.toHaveLength(0);
    const result = await verifyChain({ leaf, intermediates: [], roots: issuers, now });
    expect(result.ok).toBe(false);
  });
});
