import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import {
  type Certificate,
  DerReader,
  ExtensionOid,
  parseCertificate,
  Tag,
  verifyChain,
} from '@cmc/attestationreport/x509';
import { toHex } from '@cmc/bytes';
import type { Role } from './attestation-mode.ts';
import type { ChannelEnd } from './channel-binding.ts';
import { type KeyProof, keyProofMessage, proofHash, type SignatureHash } from './key-proof.ts';

/** Most certificates that may come with a proof. */
export const MAX_PROOF_CERTIFICATES = 8;
/** Largest certificate of a proof. */
export const MAX_PROOF_CERTIFICATE_BYTES: number = 16 * 1024;
/** Largest signature: of an RSA key with 8192 bits. */
const MAX_SIGNATURE_BYTES = 1024;

/** What is wrong with the name in a certificate of the server that this end connects to. */
export type ServerNameCheck = (certificate: PeerCertificate) => Error | undefined;

/** Whom to believe, and about which connection. */
export interface KeyProofQuestion {
  /** Of the prover. */
  readonly channel: ChannelEnd;
  readonly roots: readonly Certificate[];
  /** Needed for proofs of servers. */
  readonly checkServerName: ServerNameCheck | undefined;
}

const ANY_USAGE = '2.5.29.37.0';
const USAGES: Readonly<Record<Role, string>> = Object.freeze({
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
});

/** Why a key proof proves nothing about a connection; `undefined` when it is good. */
export async function keyProofProblem(
  { certificates, signature }: KeyProof,
  { channel, roots, checkServerName }: KeyProofQuestion,
): Promise<string | undefined> {
  const tooMuch = sizeProblem(certificates, signature);
  if (tooMuch !== undefined) return tooMuch;
  const prover = readProver(certificates);
  if (typeof prover === 'string') return prover;
  const { leaf, intermediates } = prover;
  const chain = await verifyChain({ leaf, intermediates, roots, now: new Date() });
  if (!chain.ok) return `its certificate is not trusted: ${chain.reason}`;
  return (
    usageProblem(chain.chains, channel.role) ??
    nameProblem(prover, channel, checkServerName) ??
    signatureProblem(prover, channel, signature)
  );
}

/** What certificates say about a prover. Nothing of it is verified. */
interface Prover {
  readonly leaf: Certificate;
  readonly intermediates: readonly Certificate[];
  /** The leaf as Node sees it. */
  readonly x509: X509Certificate;
  readonly key: KeyObject;
  readonly hash: SignatureHash;
}

function readProver(certificates: readonly Uint8Array[]): Prover | string {
  try {
    const [leaf, ...intermediates] = certificates.map(parseCertificate);
    if (leaf === undefined) return 'it has no certificate';
    const x509 = new X509Certificate(leaf.raw);
    const { publicKey: key } = x509;
    const hash = proofHash(key);
    // First of all: `toLegacyObject` of Node 24 crashes the process for some curves.
    if (hash === undefined) return 'its key is of a kind that signs no proofs';
    return { leaf, intermediates, x509, key, hash };
  } catch (error) {
    return `a certificate is malformed: ${error instanceof Error ? error.message : error}`;
  }
}

function sizeProblem(
  certificates: readonly Uint8Array[],
  signature: Uint8Array,
): string | undefined {
  if (certificates.length > MAX_PROOF_CERTIFICATES) {
    return `${certificates.length} certificates, at most ${MAX_PROOF_CERTIFICATES} are allowed`;
  }
  const largest = Math.max(0, ...certificates.map(({ length }) => length));
  if (largest > MAX_PROOF_CERTIFICATE_BYTES) {
    return `a certificate of ${largest} bytes, at most ${MAX_PROOF_CERTIFICATE_BYTES} are allowed`;
  }
  return signature.length > MAX_SIGNATURE_BYTES
    ? `a signature of ${signature.length} bytes, at most ${MAX_SIGNATURE_BYTES} are allowed`
    : undefined;
}

/** The rules of TLS for the certificates of an end with this role. */
function usageProblem(chains: readonly (readonly Certificate[])[], role: Role): string | undefined {
  const allows = ({ extendedKeyUsage }: Certificate): boolean =>
    extendedKeyUsage?.some((usage) => usage === USAGES[role] || usage === ANY_USAGE) ?? true;
  const fits = chains.filter((chain) => chain.every(allows));
  if (fits.length === 0) return `its certificate is not one for a ${role}`;
  return fits[0]?.[0]?.keyUsage?.includes('digitalSignature') === false
    ? 'the key usage of its certificate does not allow signatures'
    : undefined;
}

/**
 * A server proves for the name that was connected to. A client proves for whom its TLS certificate
 * names: else somebody with a stolen TLS key could add a proof of their own.
 */
function nameProblem(
  { leaf, x509 }: Prover,
  { role, identity }: ChannelEnd,
  checkServerName: ServerNameCheck | undefined,
): string | undefined {
  if (role === 'server') {
    if (checkServerName === undefined) return 'the name of the server is not known';
    return checkServerName(x509.toLegacyObject())?.message;
  }
  const { client } = identity.certificates;
  if (client === undefined) return undefined;
  const proven = namesOf(leaf);
  return namesOf(parseCertificate(client)).every((name) => proven.includes(name))
    ? undefined
    : 'its certificate does not have the names of the TLS certificate';
}

/** Subject, when there is one, and alternative names of all kinds, as they are encoded. */
function namesOf({ subjectName, extensions }: Certificate): readonly string[] {
  const names: Uint8Array[] = subjectName.attributes.length > 0 ? [subjectName.raw] : [];
  const extension = extensions.find(({ oid }) => oid === ExtensionOid.subjectAlternativeName);
  if (extension !== undefined) {
    const reader = new DerReader(extension.value, 'subjectAltName').enter(Tag.Sequence, 'names');
    while (!reader.done) names.push(reader.element(reader.peek(), 'name'));
  }
  return names.map(toHex);
}

function signatureProblem(
  { leaf, key, hash }: Prover,
  channel: ChannelEnd,
  signature: Uint8Array,
): string | undefined {
  return verify(hash.node, keyProofMessage(channel, leaf.spki), key, signature)
    ? undefined
    : 'its signature is not one for this connection';
}
