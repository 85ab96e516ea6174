import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { parsePemCertificates } from '@cmc/attestationreport/x509';
import { ByteWriter, decodeUtf8, encodeUtf8 } from '@cmc/bytes';
import { type ChannelEnd, channelParts, sha256 } from './channel-binding.ts';
import type { OwnDaemon } from './own-daemon.ts';

/** Name of key proofs in Requests: who lists it verifies those that come. */
export const KEY_PROOF_NAME = 'key-v1';

/** What a key besides that of TLS says about one TLS connection. */
export interface KeyProof {
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  /** Of {@link keyProofMessage}. ECDSA: DER. RSA: PKCS #1 v1.5. */
  readonly signature: Uint8Array;
}

// As in RFC 8446, section 4.4.3: nothing that TLS signs begins so and goes on with this text.
const PREFIX = new Uint8Array(64).fill(0x20);
const LABEL = encodeUtf8('CMC aTLS 1.3.0, key-v1');

/** What the key with the SubjectPublicKeyInfo `spki` (DER) signs for a connection. */
export function keyProofMessage(channel: ChannelEnd, spki: Uint8Array): Uint8Array {
  const writer = new ByteWriter().bytes(PREFIX).bytes(LABEL).u8(0);
  for (const part of channelParts(channel)) writer.sized32(part);
  return writer.sized32(sha256(spki)).finish();
}

/** A hash as the daemon's API and as `node:crypto` call it. */
export interface SignatureHash {
  readonly name: 'SHA-256' | 'SHA-384' | 'SHA-512';
  readonly node: 'sha256' | 'sha384' | 'sha512';
}

const SHA256: SignatureHash = { name: 'SHA-256', node: 'sha256' };
const CURVE_HASHES: Readonly<Record<string, SignatureHash>> = Object.freeze({
  prime256v1: SHA256,
  secp384r1: { name: 'SHA-384', node: 'sha384' },
  secp521r1: { name: 'SHA-512', node: 'sha512' },
});

/** Hash with which a public key signs proofs, `undefined` for keys that sign none. */
export function proofHash(key: KeyObject): SignatureHash | undefined {
  if (key.asymmetricKeyType === 'rsa') return SHA256;
  return CURVE_HASHES[key.asymmetricKeyDetails?.namedCurve ?? ''];
}

/**
 * Has a key of the daemon sign for a connection.
 * @throws {AttestedTlsError} ERR_ATLS_CMC
 */
export async function createKeyProof(
  daemon: OwnDaemon,
  keyId: string,
  channel: ChannelEnd,
): Promise<KeyProof> {
  const { certificates, request } = await daemon.call('TLSCert', async (cmc, options) => {
    // Asked each time: the daemon may have renewed it.
    const { certificate: texts } = await cmc.tlsCert({ keyId }, options);
    const chain = texts.flatMap((text) => parsePemCertificates(decodeUtf8(text)));
    const [leaf] = chain;
    if (leaf === undefined) throw new Error(`key ${keyId} has no certificate`);
    const hash = proofHash(new X509Certificate(leaf.raw).publicKey);
    if (hash === undefined) throw new Error(`key ${keyId} is of a kind that signs no proofs`);
    const message = keyProofMessage(channel, leaf.spki);
    const content = createHash(hash.node).update(message).digest();
    return {
      certificates: chain.map(({ raw }) => raw),
      request: { keyId, content: new Uint8Array(content), hashAlg: hash.name, message },
    };
  });
  const { signedContent: signature } = await daemon.call('TLSSign', (cmc, options) =>
    cmc.tlsSign(request, options),
  );
  return { certificates, signature };
}
