import { DecodeError } from '@cmc/bytes';
import { publicKeyInfo, rsaSizeProblem } from '../crypto/index.ts';
import type { Certificate } from './certificate.ts';
import { ExtensionOid } from './extensions.ts';

/** How far a clock may be behind when a certificate is brand new; `notAfter` gets no leeway. */
export const NOT_BEFORE_LEEWAY_MS = 60_000;

/** What a certificate is to be used for. */
export type ChainPurpose = 'any' | 'metadata' | 'report' | 'attestation-key';

interface PurposeRule {
  /** A leaf with a keyUsage extension needs one of these. */
  readonly keyUsage: readonly string[];
  /** A certificate with an extendedKeyUsage extension needs one of these. */
  readonly extendedKeyUsage: readonly string[];
}

const ANY_USAGE = '2.5.29.37.0';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const TCG_ATTESTATION_KEY = '2.23.133.8.3';

const SIGNING: readonly string[] = ['digitalSignature', 'contentCommitment'];
// Who may sign manifests must not come out of who may open connections, and the other way round.
const PURPOSES: Readonly<Record<Exclude<ChainPurpose, 'any'>, PurposeRule>> = Object.freeze({
  metadata: { keyUsage: SIGNING, extendedKeyUsage: [CODE_SIGNING, ANY_USAGE] },
  report: {
    keyUsage: SIGNING,
    extendedKeyUsage: [CLIENT_AUTH, SERVER_AUTH, TCG_ATTESTATION_KEY, ANY_USAGE],
  },
  'attestation-key': {
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [TCG_ATTESTATION_KEY, ANY_USAGE],
  },
});

// Name constraints are not implemented, so they are not in here: a chain with them is refused.
// Policies need no processing as long as every policy is acceptable and none is demanded.
const UNDERSTOOD_EXTENSIONS: ReadonlySet<string> = new Set([
  ExtensionOid.subjectKeyId,
  ExtensionOid.keyUsage,
  ExtensionOid.subjectAlternativeName,
  ExtensionOid.basicConstraints,
  ExtensionOid.certificatePolicies,
  ExtensionOid.authorityKeyId,
  ExtensionOid.extendedKeyUsage,
]);

/** What is wrong with a certificate wherever it stands in a chain. */
export function certificateProblem(certificate: Certificate, now: Date): string | undefined {
  const { notBefore, notAfter } = certificate;
  if (now.getTime() < notBefore.getTime() - NOT_BEFORE_LEEWAY_MS) {
    return `valid from ${notBefore.toISOString()}, now it is ${now.toISOString()}`;
  }
  if (now.getTime() > notAfter.getTime()) {
    return `valid until ${notAfter.toISOString()}, now it is ${now.toISOString()}`;
  }
  const unknown = certificate.extensions.find(
    ({ oid, critical }) =>
      oid === ExtensionOid.nameConstraints || (critical && !UNDERSTOOD_EXTENSIONS.has(oid)),
  );
  if (unknown !== undefined) return `extension ${unknown.oid} is not supported`;
  return weakness(certificate.spki);
}

// Keys of kinds that sign nothing here (a TPM's endorsement key) are no fault of the certificate.
function weakness(spki: Uint8Array): string | undefined {
  try {
    const key = publicKeyInfo(spki);
    return key.type === 'rsa' ? rsaSizeProblem(key.modulusBits) : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

/** What keeps a certificate from issuing another, with `below` CA certificates under it. */
export function issuerProblem(
  issuer: Certificate,
  { isRoot, below }: { readonly isRoot: boolean; readonly below: number },
): string | undefined {
  const { basicConstraints, keyUsage } = issuer;
  // Trust anchors of old have no extensions at all: whoever configures them makes them CAs.
  const isOldRoot = isRoot && issuer.version < 3;
  if (!isOldRoot && basicConstraints?.isCa !== true) return 'not a CA certificate';
  if (keyUsage !== undefined && !keyUsage.includes('certSign')) {
    return 'its key usage does not allow to sign certificates';
  }
  if (below > (basicConstraints?.pathLength ?? Number.POSITIVE_INFINITY)) {
    return `allows ${basicConstraints?.pathLength} CA certificates below it, got ${below}`;
  }
  return undefined;
}

/** Why a chain, leaf first, does not serve a purpose. */
export function purposeProblem(
  chain: readonly Certificate[],
  purpose: ChainPurpose,
): string | undefined {
  if (purpose === 'any') return undefined;
  const rule = PURPOSES[purpose];
  const [leaf] = chain;
  if (leaf?.keyUsage?.some((usage) => rule.keyUsage.includes(usage)) === false) {
    return `${leaf.subject}: its key usage does not allow signatures`;
  }
  const wrong = chain.find(
    ({ extendedKeyUsage }) =>
      extendedKeyUsage?.some((usage) => rule.extendedKeyUsage.includes(usage)) === false,
  );
  return wrong && `${wrong.subject}: its extended key usage does not allow purpose "${purpose}"`;
}
