import { type SignatureScheme, signatureScheme, type VerificationAlgorithm } from './algorithms.ts';
import { digestLength } from './digest.ts';
import type { ImportedKey } from './imported-key.ts';

/** Whether the signature verifies; key, algorithm and form of the signature have been checked. */
export async function verifyWithWebCrypto(
  spki: Uint8Array,
  imported: ImportedKey,
  algorithm: VerificationAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const scheme = signatureScheme(algorithm);
  const name = webName(scheme);
  const hash = scheme.type === 'ed25519' ? '' : scheme.hash;
  let key = imported.web.get(`${name} ${hash}`);
  if (key === undefined) {
    const namedCurve = imported.info.type === 'ec' ? imported.info.curve : '';
    key = await crypto.subtle.importKey('spki', spki, { name, hash, namedCurve }, false, [
      'verify',
    ]);
    imported.web.set(`${name} ${hash}`, key);
  }
  const saltLength = scheme.type === 'rsa' ? digestLength(scheme.hash) : 0;
  return crypto.subtle.verify({ name, hash, saltLength }, key, signature, message);
}

function webName(scheme: SignatureScheme): string {
  switch (scheme.type) {
    case 'ed25519':
      return 'Ed25519';
    case 'ec':
      return 'ECDSA';
    case 'rsa':
      return scheme.padding === 'PSS' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5';
  }
}
