import { createHash } from 'node:crypto';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import {
  contextTag,
  der,
  derNull,
  derOid,
  derSequence,
  derSmallInteger,
  derUnsigned,
} from './der-writer.ts';

interface Scheme {
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** AlgorithmIdentifier, DER. */
  readonly identifier: Uint8Array;
  readonly isEcdsa?: true;
}

const HASH_OIDS = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;
type Hash = keyof typeof HASH_OIDS;
const MGF1 = '1.2.840.113549.1.1.8';
const PSS = '1.2.840.113549.1.1.10';

const ecdsa = (hash: Hash, oid: string): Scheme => ({
  hash,
  identifier: derSequence(derOid(oid)),
  isEcdsa: true,
});
const pkcs1 = (hash: Hash, oid: string): Scheme => ({
  hash,
  identifier: derSequence(derOid(oid), derNull()),
});
/** RFC 4055, section 3.1: one hash for message and mask, a salt as long as it. */
const pss = (hash: Hash, saltBytes: number): Scheme => {
  const digest = derSequence(derOid(HASH_OIDS[hash]), derNull());
  const parameters = derSequence(
    der(contextTag(0), digest),
    der(contextTag(1), derSequence(derOid(MGF1), digest)),
    der(contextTag(2), derSmallInteger(saltBytes)),
  );
  return { hash, identifier: derSequence(derOid(PSS), parameters) };
};

const SCHEMES: Readonly<Record<SignatureAlgorithm, Scheme>> = Object.freeze({
  ES256: ecdsa('sha256', '1.2.840.10045.4.3.2'),
  ES384: ecdsa('sha384', '1.2.840.10045.4.3.3'),
  ES512: ecdsa('sha512', '1.2.840.10045.4.3.4'),
  RS256: pkcs1('sha256', '1.2.840.113549.1.1.11'),
  RS384: pkcs1('sha384', '1.2.840.113549.1.1.12'),
  RS512: pkcs1('sha512', '1.2.840.113549.1.1.13'),
  PS256: pss('sha256', 32),
  PS384: pss('sha384', 48),
  PS512: pss('sha512', 64),
});

/** A signature and the AlgorithmIdentifier that belongs to it, as X.509 has them. */
export interface TbsSignature {
  readonly identifier: Uint8Array;
  readonly signature: Uint8Array;
}

/** The AlgorithmIdentifier, DER, of the signatures that `signer` makes when no other is asked for. */
export function signatureIdentifier(signer: Signer): Uint8Array {
  return SCHEMES[algorithmOf(signer, undefined)].identifier;
}

/** Signs what is "to be signed" of a certificate or a request. */
export async function signTbs(
  tbs: Uint8Array,
  signer: Signer,
  options: WaitOptions & { readonly algorithm?: SignatureAlgorithm },
): Promise<TbsSignature> {
  const algorithm = algorithmOf(signer, options.algorithm);
  const { hash, identifier, isEcdsa } = SCHEMES[algorithm];
  const digest = (): Uint8Array => new Uint8Array(createHash(hash).update(tbs).digest());
  const raw =
    signer.signMessage === undefined
      ? await signer.signDigest(digest(), algorithm, options)
      : await signer.signMessage(tbs, algorithm, options);
  return { identifier, signature: isEcdsa === true ? ecdsaToDer(raw) : raw };
}

function algorithmOf(signer: Signer, wanted: SignatureAlgorithm | undefined): SignatureAlgorithm {
  const algorithm = wanted ?? signer.algorithms[0];
  if (algorithm !== undefined && signer.algorithms.includes(algorithm)) return algorithm;
  const able = signer.algorithms.join(', ') || 'nothing';
  throw new TypeError(`algorithm: the signer can do ${able}, got ${algorithm ?? 'none'}`);
}

/** ECDSA-Sig-Value (RFC 3279, section 2.2.3) of `r || s`. */
export function ecdsaToDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  return derSequence(
    derUnsigned(signature.subarray(0, half)),
    derUnsigned(signature.subarray(half)),
  );
}
