import { ByteWriter, concatBytes, encodeUtf8 } from '@cmc/bytes';
import { digest, type HashName, hmacDigest } from '../algorithms.ts';

/** Inputs of a key derivation: `label` without its NUL. */
export interface KdfInput {
  readonly hash: HashName;
  /** The key of KDFa, the shared secret of KDFe. */
  readonly key: Uint8Array;
  readonly label: string;
  readonly contextU: Uint8Array;
  readonly contextV: Uint8Array;
  /** A multiple of 8. */
  readonly bits: number;
}

/** KDFa: counter mode of SP800-108 with HMAC (Part 1, section 11.4.10.2). */
export function kdfa({ hash, key, label, contextU, contextV, bits }: KdfInput): Uint8Array {
  const fixed = concatBytes(encodeUtf8(`${label}\0`), contextU, contextV, u32(bits));
  return derive(bits, (counter) => hmacDigest(hash, key, counter, fixed));
}

/** KDFe: concatenation of SP800-56A, for secrets shared by ECDH (Part 1, section 11.4.10.3). */
export function kdfe({ hash, key, label, contextU, contextV, bits }: KdfInput): Uint8Array {
  const fixed = concatBytes(key, encodeUtf8(`${label}\0`), contextU, contextV);
  return derive(bits, (counter) => digest(hash, counter, fixed));
}

function derive(bits: number, block: (counter: Uint8Array) => Uint8Array): Uint8Array {
  const length = bits / 8;
  const blocks: Uint8Array[] = [];
  for (let have = 0; have < length; ) {
    const next = block(u32(blocks.length + 1));
    blocks.push(next);
    have += next.length;
  }
  return concatBytes(...blocks).subarray(0, length);
}

function u32(value: number): Uint8Array {
  return new ByteWriter().u32(value).finish();
}
