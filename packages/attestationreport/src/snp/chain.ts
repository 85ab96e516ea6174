import { publicKeyInfo } from '../crypto/index.ts';
import type { Certificate } from '../x509/index.ts';
import { verifyChain } from '../x509/index.ts';
import { type RevocationList, revocationProblem } from './crl.ts';
import type { SnpProduct } from './product.ts';
import type { SnpSigningKey } from './report.ts';
import { commonNameOf, productOfRoot } from './roots.ts';

/** What a chain must lead to. */
export interface SnpChainOptions {
  readonly now: Date;
  /** Which key the leaf is for. */
  readonly kind: SnpSigningKey;
  /** Roots that are trusted instead of AMD's. */
  readonly roots?: readonly Certificate[];
  /** Lists of the roots; when there are any, the root of the chain must have one that clears it. */
  readonly revocationLists?: readonly RevocationList[];
}

/** What is known about a chain; without problems it is trusted. */
export interface SnpChainResult {
  /** The generation whose root the last certificate is. */
  readonly product?: SnpProduct;
  /** Why the last certificate is not a trusted root. */
  readonly rootProblem?: string;
  /** Why the certificates are not a chain of the kind asked for. */
  readonly chainProblem?: string;
  /** Why the revocation lists do not clear the chain. */
  readonly revocationProblem?: string;
}

const CHAIN_LENGTH = 3;
const SIGNATURE = 'SHA384-RSAPSS';
const RSA_BITS = 4096;

/**
 * Verifies the certificates of a report: the VCEK or VLEK, the key between (ASK for VCEKs, ASVK for
 * VLEKs) and a root that is pinned, in this order; RSA-PSS 4096 with SHA-384 and P-384 throughout.
 */
export async function verifySnpChain(
  certificates: readonly Certificate[],
  options: SnpChainOptions,
): Promise<SnpChainResult> {
  const [leaf, intermediate, root, ...more] = certificates;
  const rootResult = checkRoot(certificates.at(-1), options);
  if (leaf === undefined || intermediate === undefined || root === undefined || more.length > 0) {
    const got = `${certificates.length}`;
    return {
      ...rootResult,
      chainProblem: `expected ${CHAIN_LENGTH} certificates (leaf, intermediate, root), got ${got}`,
    };
  }
  const chain = await verifyChain({
    leaf,
    intermediates: [intermediate],
    roots: [root],
    now: options.now,
  });
  // Only of a chain that was built is it known that its keys can be read.
  const chainProblem = chain.ok
    ? (leafProblem(leaf, options.kind) ??
      authorityProblem(intermediate, root, rootResult.product, options.kind))
    : chain.reason;
  return await resultOf(rootResult, chainProblem, intermediate, root, options);
}

/** As {@link verifySnpChain}, without the first certificate. */
export async function verifySnpAuthorities(
  [intermediate, root]: readonly [Certificate, Certificate],
  options: SnpChainOptions,
): Promise<SnpChainResult> {
  const rootResult = checkRoot(root, options);
  const { now, kind } = options;
  const chain = await verifyChain({ leaf: intermediate, intermediates: [], roots: [root], now });
  const chainProblem = chain.ok
    ? authorityProblem(intermediate, root, rootResult.product, kind)
    : chain.reason;
  return await resultOf(rootResult, chainProblem, intermediate, root, options);
}

async function resultOf(
  rootResult: SnpChainResult,
  chainProblem: string | undefined,
  intermediate: Certificate,
  root: Certificate,
  options: SnpChainOptions,
): Promise<SnpChainResult> {
  const revocation = await checkRevocation(intermediate, root, options);
  return {
    ...rootResult,
    ...(chainProblem === undefined ? {} : { chainProblem }),
    ...(revocation === undefined ? {} : { revocationProblem: revocation }),
  };
}

function checkRoot(
  root: Certificate | undefined,
  { roots }: SnpChainOptions,
): Pick<SnpChainResult, 'product' | 'rootProblem'> {
  const product = root && productOfRoot(root, roots);
  return product === undefined
    ? { rootProblem: `${root?.subject ?? 'nothing'} is not a root that is trusted` }
    : { product };
}

async function checkRevocation(
  intermediate: Certificate,
  root: Certificate,
  { revocationLists = [], now }: SnpChainOptions,
): Promise<string | undefined> {
  if (revocationLists.length === 0) return undefined;
  return await revocationProblem(intermediate, root, revocationLists, now);
}

function leafProblem(leaf: Certificate, kind: SnpSigningKey): string | undefined {
  if (commonNameOf(leaf) !== `SEV-${kind}`) {
    return `expected a certificate of SEV-${kind}, got one of ${leaf.subject}`;
  }
  const key = publicKeyInfo(leaf.spki);
  return key.type === 'ec' && key.curve === 'P-384'
    ? wrongSignature(leaf)
    : `${leaf.subject}: expected a key on P-384`;
}

function authorityProblem(
  intermediate: Certificate,
  root: Certificate,
  product: SnpProduct | undefined,
  kind: SnpSigningKey,
): string | undefined {
  const name = product && (kind === 'VCEK' ? `SEV-${product}` : `SEV-VLEK-${product}`);
  if (name !== undefined && commonNameOf(intermediate) !== name) {
    return `expected a certificate of ${name}, got one of ${intermediate.subject}`;
  }
  for (const certificate of [intermediate, root]) {
    const key = publicKeyInfo(certificate.spki);
    if (key.type !== 'rsa' || key.modulusBits !== RSA_BITS) {
      return `${certificate.subject}: expected an RSA key of ${RSA_BITS} bits`;
    }
  }
  return wrongSignature(intermediate);
}

function wrongSignature({ signatureAlgorithm, subject }: Certificate): string | undefined {
  const { name } = signatureAlgorithm;
  return name === SIGNATURE ? undefined : `${subject}: expected ${SIGNATURE}, got ${name}`;
}
