import { toBase64 } from '@cmc/bytes';
import { encodeCertificate, type FakeCertificateOptions, subjectName } from './certificate.ts';
import {
  createFakeKey,
  createFakeKeySync,
  type FakeKey,
  type FakeKeyAlgorithm,
  type FakeSigner,
  fakeSigner,
} from './fake-key.ts';

/** A certificate and its key. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER, leaf first, up to but without the root. */
  readonly chain: readonly Uint8Array[];
  readonly certificatePem: string;
  readonly chainPem: string;
  /** PKCS#8, PEM. */
  readonly privateKeyPem: string;
  readonly key: FakeKey;
  readonly signer: FakeSigner;
}

/** What to issue: the certificate, and the key it is for. */
export interface IssueOptions extends FakeCertificateOptions {
  /** Kind of the key that is made. Default: EC256. */
  readonly keyAlgorithm?: FakeKeyAlgorithm;
  /** An existing key instead of a new one. */
  readonly key?: FakeKey;
}

/** A certificate authority that signs whatever it is asked to. */
export interface FakeCa {
  /** Its own certificate, DER. */
  readonly certificate: Uint8Array;
  /** Its own certificate, PEM. */
  readonly pem: string;
  readonly key: FakeKey;
  /** Certificates from this one up to but without the root, DER: empty for a root. */
  readonly chain: readonly Uint8Array[];
  issue(options?: IssueOptions): Promise<IssuedCertificate>;
  /** An authority below this one. */
  issueCa(options?: IssueOptions): Promise<FakeCa>;
}

/** A self-signed authority; options overwrite the defaults of a CA certificate. */
export function createFakeCa(options: IssueOptions = {}): FakeCa {
  const key = options.key ?? createFakeKeySync(options.keyAlgorithm);
  const full = { commonName: 'Fake CA', isCa: true, ...options };
  const certificate = encodeCertificate(full, key, { name: subjectName(full), key });
  return authority(certificate, full, key, []);
}

/** PEM text of one DER structure. */
export function toPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function authority(
  certificate: Uint8Array,
  options: FakeCertificateOptions,
  key: FakeKey,
  chain: readonly Uint8Array[],
): FakeCa {
  const issuer = { name: subjectName(options), key };
  const issue = async (leaf: IssueOptions): Promise<IssuedCertificate> => {
    const leafKey = leaf.key ?? (await createFakeKey(leaf.keyAlgorithm));
    return issued(encodeCertificate(leaf, leafKey, issuer), leafKey, chain);
  };
  return {
    certificate,
    pem: toPem(certificate),
    key,
    chain,
    issue: (leaf = {}) => issue({ commonName: 'fake leaf', ...leaf }),
    async issueCa(below = {}) {
      const full = { commonName: 'Fake intermediate CA', isCa: true, ...below };
      const made = await issue(full);
      return authority(made.certificate, full, made.key, made.chain);
    },
  };
}

function issued(
  certificate: Uint8Array,
  key: FakeKey,
  issuerChain: readonly Uint8Array[],
): IssuedCertificate {
  const chain = [certificate, ...issuerChain];
  return {
    certificate,
    chain,
    certificatePem: toPem(certificate),
    chainPem: chain.map((der) => toPem(der)).join(''),
    privateKeyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    key,
    signer: fakeSigner(key, chain),
  };
}
