import { DecodeError } from '@cmc/bytes';
import { ecdsaFromDer, keyProblem, publicKeyInfo, verifySignature } from '../crypto/index.ts';
import type { Certificate } from './certificate.ts';

/** Something signed the way certificates are. */
export type Signed = Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm'>;

/** Why `signed` is not signed by `issuer` in a way that is accepted, if it is not. */
export async function signatureProblem(
  signed: Signed,
  issuer: Pick<Certificate, 'spki' | 'subject'>,
): Promise<string | undefined> {
  const { algorithm, name, oid } = signed.signatureAlgorithm;
  if (algorithm === undefined) return `signed with ${name === '0' ? oid : name}, not accepted`;
  const problem = keyProblem(issuer.spki, algorithm);
  if (problem !== undefined) return `${issuer.subject}: ${problem}`;
  const signature = rawSignature(signed, issuer.spki);
  return signature !== undefined &&
    (await verifySignature(issuer.spki, algorithm, signed.tbs, signature))
    ? undefined
    : `not signed by the key of ${issuer.subject}`;
}

// X.509 has ECDSA signatures in DER.
function rawSignature({ signature }: Signed, spki: Uint8Array): Uint8Array | undefined {
  const key = publicKeyInfo(spki);
  if (key.type !== 'ec') return signature;
  try {
    return ecdsaFromDer(signature, key.curve);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
