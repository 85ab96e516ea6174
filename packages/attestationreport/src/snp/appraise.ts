import { toHex } from '@cmc/bytes';
import { digest, keyProblem, LruCache } from '../crypto/index.ts';
import { type Certificate, parseCertificate } from '../x509/index.ts';
import { type SnpChainResult, verifySnpChain } from './chain.ts';
import { compareExtensions, compareProduct, type SnpComparison } from './compare-certificate.ts';
import type { RevocationList } from './crl.ts';
import type { SnpProduct } from './product.ts';
import { productOfReport, type SnpReport, type SnpSigningKey, signingKeyOf } from './report.ts';
import { SNP_SIGNATURE_ALGO, verifySnpSignature } from './signature.ts';

/** What the report is appraised against. */
export interface AppraiseSnpOptions {
  readonly now: Date;
  readonly roots?: readonly Certificate[];
  readonly revocationLists?: readonly RevocationList[];
}

/** What cryptography says about a report: who signed it, and whether that is a chip of AMD's. */
export interface SnpAppraisal {
  /** The pinned root's generation, else what the report says, else Milan. */
  readonly product: SnpProduct;
  /** `undefined`: the report says that no key signed it. */
  readonly kind: SnpSigningKey | undefined;
  readonly chain: SnpChainResult;
  /** Why the signature is not one to be verified at all; the key is not usable with it. */
  readonly algorithmProblem?: string;
  readonly keyProblem?: string;
  readonly signed: boolean;
  readonly extensions: readonly SnpComparison[];
  readonly productChecks: readonly SnpComparison[];
}

/** Verifies the signature of a report, the certificates of its key, and that they fit together. */
export async function appraiseSnp(
  report: SnpReport,
  certificates: readonly [Certificate, ...Certificate[]],
  options: AppraiseSnpOptions,
): Promise<SnpAppraisal> {
  const [leaf] = certificates;
  const kind = signingKeyOf(report);
  const chain = await verifySnpChain(certificates, { ...options, kind: kind ?? 'VCEK' });
  const product = chain.product ?? productOfReport(report) ?? 'Milan';
  const algorithmProblem = algorithmProblemOf(report, kind);
  const wrongKey = keyProblem(leaf.spki, 'ES384');
  return {
    product,
    kind,
    chain,
    ...(algorithmProblem === undefined ? {} : { algorithmProblem }),
    ...(wrongKey === undefined ? {} : { keyProblem: wrongKey }),
    signed:
      algorithmProblem === undefined &&
      wrongKey === undefined &&
      (await verifySnpSignature(report, leaf.spki)),
    extensions: compareExtensions(leaf, report, product, kind ?? 'VCEK'),
    productChecks: compareProduct(leaf, report, product),
  };
}

function algorithmProblemOf(
  { signatureAlgo, signingKey }: SnpReport,
  kind: SnpSigningKey | undefined,
): string | undefined {
  if (signatureAlgo !== SNP_SIGNATURE_ALGO) {
    return `expected signature algorithm ${SNP_SIGNATURE_ALGO}, got ${signatureAlgo}`;
  }
  return kind === undefined
    ? `expected a report signed with 0 (VCEK) or 1 (VLEK), got ${signingKey}`
    : undefined;
}

const MAX_CACHED_CERTIFICATES = 256;
const parsed = new LruCache<string, Certificate>(MAX_CACHED_CERTIFICATES);

/** The certificate in `der`; certificates of chips come again and again. @throws {DecodeError} */
export function parseSnpCertificate(der: Uint8Array): Certificate {
  const key = toHex(digest('SHA-256', der));
  let certificate = parsed.get(key);
  if (certificate === undefined) {
    certificate = parseCertificate(der);
    parsed.set(key, certificate);
  }
  return certificate;
}
