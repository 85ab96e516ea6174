import { createHash } from 'node:crypto';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import * as asn1js from 'asn1js';
import { CmcdError } from '../errors.ts';
import { type Asn1Block, bitString, encodeBlock, oid, sequence } from './asn1.ts';
import { ecdsaDer } from './ecdsa-der.ts';

interface SignatureForm {
  readonly oid: string;
  readonly hash: string;
}

/** RFC 5758, section 3.2, and RFC 4055, section 5. */
const FORMS: ReadonlyMap<SignatureAlgorithm, SignatureForm> = new Map([
  ['ES256', { oid: '1.2.840.10045.4.3.2', hash: 'sha256' }],
  ['ES384', { oid: '1.2.840.10045.4.3.3', hash: 'sha384' }],
  ['ES512', { oid: '1.2.840.10045.4.3.4', hash: 'sha512' }],
  ['RS256', { oid: '1.2.840.113549.1.1.11', hash: 'sha256' }],
  ['RS384', { oid: '1.2.840.113549.1.1.12', hash: 'sha384' }],
  ['RS512', { oid: '1.2.840.113549.1.1.13', hash: 'sha512' }],
]);

/** AlgorithmIdentifier of the X.509 signatures that `signer` makes. */
export function signatureAlgorithm(signer: Signer): Asn1Block {
  const { algorithm, form } = formOf(signer);
  // RFC 4055: the parameters of RSA are NULL. RFC 5758: those of ECDSA are absent.
  return algorithm.startsWith('RS')
    ? sequence(oid(form.oid), new asn1js.Null())
    : sequence(oid(form.oid));
}

/** `SEQUENCE { body, algorithm, signature }`, DER: what requests and certificates are. */
export async function signStructure(
  body: Asn1Block,
  signer: Signer,
  options: WaitOptions = {},
): Promise<Uint8Array> {
  const { algorithm, form } = formOf(signer);
  const message = encodeBlock(body);
  const raw = signer.signMessage
    ? await signer.signMessage(message, algorithm, options)
    : await signer.signDigest(digestOf(message, form.hash), algorithm, options);
  const signature = algorithm.startsWith('ES') ? ecdsaDer(raw) : raw;
  return encodeBlock(sequence(body, signatureAlgorithm(signer), bitString(signature)));
}

function formOf(signer: Signer): { algorithm: SignatureAlgorithm; form: SignatureForm } {
  for (const algorithm of signer.algorithms) {
    const form = FORMS.get(algorithm);
    if (form !== undefined) return { algorithm, form };
  }
  throw new CmcdError(
    'ERR_ENROLL_REQUEST',
    `key: expected one for ${[...FORMS.keys()].join(', ')}, got ${signer.algorithms.join(', ')}`,
  );
}

function digestOf(message: Uint8Array, hash: string): Uint8Array {
  return new Uint8Array(createHash(hash).update(message).digest());
}
