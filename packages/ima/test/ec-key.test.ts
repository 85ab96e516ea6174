import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { concatBytes, encodeUtf8, fromHex, toHex } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import type { ECDSA } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { describe, expect, test } from 'vitest';
import { EcKey } from '../src/ec-key.ts';
import { hashOf } from './list-writer.ts';

const CURVES: readonly (readonly [string, string, ECDSA])[] = [
  ['prime256v1', '2a8648ce3d030107', p256],
  ['secp384r1', '2b81040022', p384],
  ['secp521r1', '2b81040023', p521],
  ['secp256k1', '2b8104000a', secp256k1],
];
const HASHES = ['sha256', 'sha384', 'sha512'] as const;
/** The use with which a key gets a table. */
const USES = 16;

function pointOf(publicKey: KeyObject): Uint8Array {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const coordinates = [x, y].map((text) => new Uint8Array(Buffer.from(text, 'base64url')));
  return concatBytes(Uint8Array.of(4), ...coordinates);
}

function createKey(oid: string, point: Uint8Array, tables = 1): EcKey {
  const key = EcKey.create(fromHex(oid), point, { left: tables });
  if (key === undefined) throw new Error('no key');
  return key;
}

describe.each(CURVES)('%s', (namedCurve, oid, curve) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const point = pointOf(publicKey);
  const { Fn, BASE } = curve.Point;
  const secret = BigInt(
    `0x${Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url').toString('hex')}`,
  );
  const prepared = createKey(oid, point);
  for (let use = 0; use < USES; use++) prepared.verify(new Uint8Array(32), new Uint8Array());

  const how = { prehash: false, format: 'der', lowS: false } as const;

  /** The verdict of the library on a signature, in which keys without and with a table agree. */
  function verdict(hash: Uint8Array, signature: Uint8Array): boolean {
    const ok = isVerified(hash, signature, point);
    expect(createKey(oid, point, 0).verify(hash, signature)).toBe(ok);
    expect(prepared.verify(hash, signature)).toBe(ok);
    return ok;
  }

  function isVerified(hash: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
    try {
      return curve.verify(signature, hash, key, how);
    } catch {
      // Lengths that no signature has.
      return false;
    }
  }
  const der = (r: bigint, s: bigint): Uint8Array => new curve.Signature(r, s).toBytes('der');

  test.each(HASHES)(
    'R21 what node:crypto signed with %s verifies, with a table and without',
    (name) => {
      for (let i = 0; i < 3; i++) {
        const message = encodeUtf8(`message ${i}`);
        const signature = new Uint8Array(sign(name, message, privateKey));
        expect(verdict(hashOf(name, message), signature)).toBe(true);
        expect(verdict(hashOf(name, encodeUtf8('other')), signature)).toBe(false);
        expect(verdict(hashOf(name, message).subarray(1), signature)).toBe(false);
      }
    },
  );

  test('R21 with bytes flipped it is as node:crypto says', () => {
    const message = encodeUtf8('message');
    const good = new Uint8Array(sign('sha256', message, privateKey));
    const step = Fn.BITS > 256 ? 4 : 1;
    for (const { bytes, offset } of flipEachByte(good)) {
      if (offset % step !== 0) continue;
      const expected = verify('sha256', message, publicKey, bytes);
      expect(verdict(hashOf('sha256', message), bytes), toHex(bytes)).toBe(expected);
    }
    for (let end = 0; end < good.length; end += 5) {
      expect(verdict(hashOf('sha256', message), good.subarray(0, end))).toBe(false);
    }
  }, 60_000);

  test('R21 the other half of s is as good, r and s of n or 0 are none', () => {
    const message = encodeUtf8('message');
    const hash = hashOf('sha256', message);
    const { r, s } = curve.Signature.fromBytes(
      new Uint8Array(sign('sha256', message, privateKey)),
      'der',
    );
    expect(verdict(hash, der(r, Fn.ORDER - s))).toBe(true);
    expect(verdict(hash, der(Fn.ORDER - r, s))).toBe(false);
    const integer = (value: bigint): Uint8Array => {
      const hex = value.toString(16);
      const bytes = fromHex(`00${hex.length % 2 === 0 ? '' : '0'}${hex}`);
      const minimal = value !== 0n && (bytes[1] ?? 0) < 0x80 ? bytes.subarray(1) : bytes;
      const content = value === 0n ? Uint8Array.of(0) : minimal;
      return concatBytes(Uint8Array.of(2, content.length), content);
    };
    const raw = (a: bigint, b: bigint): Uint8Array => {
      const body = concatBytes(integer(a), integer(b));
      const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
      return concatBytes(Uint8Array.of(0x30, ...length), body);
    };
    expect(verdict(hash, raw(r, s))).toBe(true);
    for (const [a, b] of [
      [0n, s],
      [r, 0n],
      [Fn.ORDER, s],
      [r, Fn.ORDER],
      [r + Fn.ORDER, s],
      [r, s + Fn.ORDER],
    ] as const) {
      expect(verdict(hash, raw(a, b))).toBe(false);
    }
  });

  test('R21 sums that a careless addition gets wrong: equal points, opposite points, a hash of 0', () => {
    const length = Math.ceil(Fn.BITS / 8);
    // Of a hash that is longer than the order, the first bits count.
    const hashOfNumber = (value: bigint): Uint8Array =>
      fromHex((value << BigInt(8 * length - Fn.BITS)).toString(16).padStart(2 * length, '0'));
    const k = 0x1234567n;
    const r = Fn.create(BASE.multiply(k).toAffine().x);
    const half = Fn.mul(r, secret);
    const s = Fn.mul(Fn.create(2n * half), Fn.inv(k));
    const zero = Fn.mul(half, Fn.inv(k));
    expect(verdict(new Uint8Array(length), der(r, zero))).toBe(true);
    expect(verdict(hashOfNumber(half), der(r, s))).toBe(true);
    expect(verdict(hashOfNumber(Fn.neg(half)), der(r, s))).toBe(false);
  });
});

describe.each(CURVES)('%s, a sum whose x is not below the order', (_, oid, curve) => {
  const { Fn, BASE } = curve.Point;

  test('R21 counts modulo the order', () => {
    const size = Math.ceil(curve.Point.Fp.BITS / 8);
    const pointAt = (x: bigint): InstanceType<ECDSA['Point']> | undefined => {
      try {
        return curve.Point.fromHex(`02${x.toString(16).padStart(2 * size, '0')}`);
      } catch {
        return undefined;
      }
    };
    // A key made for a sum, instead of the other way round: nobody knows its secret.
    let r = 1n;
    while (pointAt(Fn.ORDER + r) === undefined) r += 1n;
    const sum = pointAt(Fn.ORDER + r);
    if (sum === undefined) throw new Error('no point');
    const [s, e] = [0x1234567n, 0x89abcdefn];
    const u = Fn.mul(e, Fn.inv(s));
    const key = sum.subtract(BASE.multiply(u)).multiply(Fn.mul(s, Fn.inv(r)));
    const hash = fromHex(e.toString(16).padStart(64, '0'));
    const signature = new curve.Signature(r, s).toBytes('der');
    const how = { prehash: false, format: 'der', lowS: false } as const;
    expect(curve.verify(signature, hash, key.toBytes(false), how)).toBe(true);
    expect(createKey(oid, key.toBytes(false)).verify(hash, signature)).toBe(true);
  });
});

test('tables are made for keys that are used, as many as may be', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const budget = { left: 1 };
  const keys = [1, 2].map(() =>
    EcKey.create(fromHex('2a8648ce3d030107'), pointOf(publicKey), budget),
  );
  const message = encodeUtf8('message');
  const signature = new Uint8Array(sign('sha256', message, privateKey));
  const use = (index: number): void => {
    expect(keys[index]?.verify(hashOf('sha256', message), signature)).toBe(true);
  };
  for (let i = 1; i < USES; i++) use(0);
  expect(budget.left).toBe(1);
  use(0);
  expect(budget.left).toBe(0);
  for (let i = 0; i < 2 * USES; i++) use(1);
  expect(budget.left).toBe(0);
});

test('another curve, and what is no point, is no key', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = pointOf(publicKey);
  const create = (oid: string, bytes: Uint8Array): EcKey | undefined =>
    EcKey.create(fromHex(oid), bytes, { left: 1 });
  expect(create('2a8648ce3d030107', point)).toBeInstanceOf(EcKey);
  expect(create('2b81040021', point)).toBeUndefined();
  expect(create('2b8104000a', point)).toBeUndefined();
  for (const bytes of [
    point.subarray(1),
    Uint8Array.of(0),
    new Uint8Array(),
    point.with(64, (point[64] ?? 0) ^ 1),
  ]) {
    expect(create('2a8648ce3d030107', bytes)).toBeUndefined();
  }
});
