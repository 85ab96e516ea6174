import { createHash, randomBytes } from 'node:crypto';
import { concatBytes } from '@cmc/bytes';

/** EMSA-PSS encoding of a digest (RFC 8017, section 9.1.1), salt as long as the digest, MGF1. */
export function encodePss(digest: Uint8Array, hash: string, modulusBits: number): Uint8Array {
  const salt = randomBytes(digest.length);
  const encodedLength = Math.ceil((modulusBits - 1) / 8);
  const h = createHash(hash)
    .update(concatBytes(new Uint8Array(8), digest, salt))
    .digest();
  const padding = new Uint8Array(encodedLength - salt.length - h.length - 2);
  const block = concatBytes(padding, Uint8Array.of(1), salt);
  const mask = mgf1(h, hash, block.length);
  const masked = block.map((byte, i) => byte ^ (mask[i] ?? 0));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * encodedLength - (modulusBits - 1)));
  return concatBytes(masked, h, Uint8Array.of(0xbc));
}

function mgf1(seed: Uint8Array, hash: string, length: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  let have = 0;
  for (let counter = 0; have < length; counter++) {
    const block = createHash(hash)
      .update(seed)
      .update(Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter))
      .digest();
    blocks.push(block);
    have += block.length;
  }
  return concatBytes(...blocks).subarray(0, length);
}
