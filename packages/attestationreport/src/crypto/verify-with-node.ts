import { signatureScheme, type VerificationAlgorithm } from './algorithms.ts';
import { digestLength, nodeHashName } from './digest.ts';
import type { ImportedKey } from './imported-key.ts';
import type { NodeCrypto } from './node-crypto.ts';

const RSA_PKCS1_PADDING = 1;
const RSA_PKCS1_PSS_PADDING = 6;

/** Whether the signature verifies; key, algorithm and form of the signature have been checked. */
export function verifyWithNode(
  node: NodeCrypto,
  spki: Uint8Array,
  imported: ImportedKey,
  algorithm: VerificationAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  imported.node ??= node.createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const key = imported.node;
  const scheme = signatureScheme(algorithm);
  switch (scheme.type) {
    case 'ed25519':
      return node.verify(null, message, { key }, signature);
    case 'ec':
      return node.verify(
        nodeHashName(scheme.hash),
        message,
        { key, dsaEncoding: 'ieee-p1363' },
        signature,
      );
    case 'rsa': {
      const padding =
        scheme.padding === 'PSS'
          ? { padding: RSA_PKCS1_PSS_PADDING, saltLength: digestLength(scheme.hash) }
          : { padding: RSA_PKCS1_PADDING };
      return node.verify(nodeHashName(scheme.hash), message, { key, ...padding }, signature);
    }
  }
}
