import { compareBytes, fromHex } from '@cmc/bytes';
import { DerReader, Tag } from './der-reader.ts';
import { type CurveName, fieldBytes } from './public-key.ts';

const ORDERS: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  'P-384': fromHex(
    'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  ),
  'P-521': fromHex(
    `01${'ff'.repeat(32)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
  ),
};

/** Whether `signature` is `r || s`, exactly as long as the curve demands, both in 1..n-1. */
export function isEcdsaSignature(signature: Uint8Array, curve: CurveName): boolean {
  const width = fieldBytes(curve);
  if (signature.length !== 2 * width) return false;
  return [signature.subarray(0, width), signature.subarray(width)].every(
    (half) => half.some((byte) => byte !== 0) && compareBytes(half, ORDERS[curve]) < 0,
  );
}

/**
 * `r || s` of an ECDSA-Sig-Value (RFC 3279, section 2.2.3), or `undefined` when it is not exactly
 * one with numbers that fit the curve.
 */
export function ecdsaFromDer(der: Uint8Array, curve: CurveName): Uint8Array | undefined {
  const width = fieldBytes(curve);
  const outer = new DerReader(der, 'ECDSA-Sig-Value');
  const reader = outer.enter(Tag.Sequence, 'sequence');
  outer.end();
  const halves = [reader.integer('r'), reader.integer('s')];
  reader.end();
  const signature = new Uint8Array(2 * width);
  for (const [index, half] of halves.entries()) {
    const digits = half[0] === 0 ? half.subarray(1) : half;
    if ((half[0] ?? 0) >= 0x80 || digits.length > width) return undefined;
    signature.set(digits, (index + 1) * width - digits.length);
  }
  return signature;
}
