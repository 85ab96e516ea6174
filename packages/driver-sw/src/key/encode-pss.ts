import { hash, randomBytes } from 'node:crypto';
import { concatBytes } from '@cmc/bytes';

/**
 * The encoded message of RSASSA-PSS (RFC 8017, section 9.1.1) for a key of `modulusBits`: MGF1 with
 * the same hash, salt as long as the digest.
 */
export function encodePss(digest: Uint8Array, hashName: string, modulusBits: number): Uint8Array {
  const encodedBits = modulusBits - 1;
  const encodedLength = Math.ceil(encodedBits / 8);
  const salt = randomBytes(digest.length);
  const h = hash(hashName, concatBytes(new Uint8Array(8), digest, salt), 'buffer');
  const db = new Uint8Array(encodedLength - h.length - 1);
  db[db.length - salt.length - 1] = 0x01;
  db.set(salt, db.length - salt.length);
  const mask = mgf1(h, db.length, hashName);
  const masked = db.map((byte, i) => byte ^ (mask[i] ?? 0));
  masked[0] = (masked[0] ?? 0) & (0xff >> (8 * encodedLength - encodedBits));
  return concatBytes(masked, h, Uint8Array.of(0xbc));
}

/** RFC 8017, appendix B.2.1. */
function mgf1(seed: Uint8Array, length: number, hashName: string): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0, made = 0; made < length; counter++) {
    const block = hash(hashName, concatBytes(seed, Uint8Array.of(0, 0, 0, counter)), 'buffer');
    blocks.push(block);
    made += block.length;
  }
  return concatBytes(...blocks).subarray(0, length);
}
