import { createHash } from 'node:crypto';
import type { TlsSignRequest } from '@cmc/api';
import type { SignatureAlgorithm, Signer, WaitOptions } from '@cmc/attestationreport';
import { equalBytes } from '@cmc/bytes';
import { CmcdError } from '../errors.ts';

/** What a TLS key shall sign: a digest, and where it is known what it is the digest of. */
export type ToBeSigned = Omit<TlsSignRequest, 'keyId'>;

const HASH = /^SHA-?(256|384|512)$/i;

/**
 * Signature as TLS wants it: ECDSA in DER, RSA as long as the modulus. Where the message is known the
 * key gets that: software signs a digest with ECDSA slower, and not in constant time.
 * @throws {CmcdError} ERR_KEY_DIGEST
 */
export async function signForTls(
  signer: Signer,
  request: ToBeSigned,
  options: WaitOptions,
): Promise<Uint8Array> {
  const algorithm = algorithmFor(signer, request);
  const { content, message } = request;
  if (message !== undefined) assertDigest(content, message);
  const signature =
    message === undefined || signer.signMessage === undefined
      ? await signer.signDigest(content, algorithm, options)
      : await signer.signMessage(message, algorithm, options);
  if (!algorithm.startsWith('ES')) return signature;
  const { ecdsaToDer } = await import('@cmc/est');
  return ecdsaToDer(signature);
}

function algorithmFor(signer: Signer, request: ToBeSigned): SignatureAlgorithm {
  const { content, hashAlg, scheme } = request;
  const bits = HASH.exec(hashAlg)?.[1];
  if (bits === undefined || content.length !== Number(bits) / 8) {
    throw new CmcdError(
      'ERR_KEY_DIGEST',
      'expected a digest of SHA-256, SHA-384 or SHA-512 with the length of its hash, ' +
        `got ${content.length} bytes`,
    );
  }
  const wanted = scheme === 'rsa-pss' ? [`PS${bits}`] : [`ES${bits}`, `RS${bits}`];
  const algorithm = signer.algorithms.find((name) => wanted.includes(name));
  if (algorithm !== undefined) return algorithm;
  throw new CmcdError(
    'ERR_KEY_DIGEST',
    `the key signs with ${signer.algorithms.join(', ')}, asked for was ${wanted.join(' or ')}`,
  );
}

/** Otherwise what is signed would depend on which of the two the key takes. */
function assertDigest(digest: Uint8Array, message: Uint8Array): void {
  const hash = createHash(`sha${digest.length * 8}`);
  if (equalBytes(new Uint8Array(hash.update(message).digest()), digest)) return;
  throw new CmcdError('ERR_KEY_DIGEST', 'content is not the digest of message');
}
