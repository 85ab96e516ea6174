import { createFakeCa, type FakeCa, type IssuedCertificate, type IssueOptions } from '@cmc/testkit';
import type { VerifySignedOptions } from '../../src/sign/index.ts';
import { parseCertificate } from '../../src/x509/index.ts';

export const NOW: Date = new Date('2026-06-01T12:00:00Z');

const VALID = {
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
};

/** A CA for metadata, what it issues, and the options that trust it. */
export interface MetadataCa {
  readonly root: FakeCa;
  readonly trusting: VerifySignedOptions;
  issue(options?: IssueOptions): Promise<IssuedCertificate>;
}

export async function createMetadataCa(): Promise<MetadataCa> {
  const root = createFakeCa({ commonName: 'root', ...VALID });
  const between = await root.issueCa({ commonName: 'between', ...VALID });
  return {
    root,
    trusting: { trust: { roots: [parseCertificate(root.certificate)] }, now: NOW },
    issue: (options = {}) => between.issue({ commonName: 'signer', ...VALID, ...options }),
  };
}
