import { constants, createHash, createPublicKey, publicDecrypt } from 'node:crypto';
import { concatBytes } from '@cmc/bytes';

/**
 * Whether the salt of an RSASSA-PSS signature is as long as the digest (RFC 8017, section 9.1): TLS
 * takes no other (RFC 8446, section 4.2.3), and TPMs that are not made for FIPS 186 take the longest
 * that fits.
 */
export function hasDigestSalt(spki: Uint8Array, signature: Uint8Array, hashName: string): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const encoded = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  const size = createHash(hashName).digest().length;
  const blockLength = encoded.length - size - 1;
  const mask = mgf1(encoded.subarray(blockLength, -1), blockLength, hashName);
  const block = encoded.subarray(0, blockLength).map((byte, i) => byte ^ (mask[i] ?? 0));
  // The highest bits are not of the block.
  block[0] = (block[0] ?? 0) & 0x7f;
  const saltAt = blockLength - size;
  return block[saltAt - 1] === 1 && block.subarray(0, saltAt - 1).every((byte) => byte === 0);
}

/** RFC 8017, appendix B.2.1. */
function mgf1(seed: Uint8Array, length: number, hashName: string): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0, made = 0; made < length; counter++) {
    const counterBytes = Uint8Array.of(0, 0, 0, counter);
    const block = createHash(hashName).update(seed).update(counterBytes).digest();
    blocks.push(block);
    made += block.length;
  }
  return concatBytes(...blocks).subarray(0, length);
}
