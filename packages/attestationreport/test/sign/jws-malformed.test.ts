import { encodeUtf8, toBase64url } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { MAX_SIGNATURES, type SignedItem, verifySigned } from '../../src/sign/index.ts';
import { jwsHeader, signJws, x5cOf } from './jws-messages.ts';
import { createMetadataCa } from './keys.ts';

const ca = await createMetadataCa();
const signer = await ca.issue();
const item = await signJws(signer, jwsHeader({ alg: 'ES256', x5c: x5cOf(signer) }));

function verify(message: unknown): Promise<SignedItem> {
  return verifySigned(encodeUtf8(JSON.stringify(message)), ca.trusting);
}

describe('verifySigned of a malformed JWS', () => {
  const malformed: readonly (readonly [string, () => unknown])[] = [
    ['no payload', () => ({ ...item, payload: undefined })],
    ['no signature', () => ({ ...item, signature: undefined })],
    ['no protected header', () => ({ ...item, protected: undefined })],
    ['a payload with padding', () => ({ ...item, payload: `${item.payload}=` })],
    ['a payload in standard base64', () => ({ ...item, payload: '+/+/' })],
    ['a signature with padding', () => ({ ...item, signature: `${item.signature}==` })],
    ['a signature that is a number', () => ({ ...item, signature: 1 })],
    ['both serializations', () => ({ ...item, signatures: [item] })],
    ['signatures that are an object', () => ({ payload: item.payload, signatures: {} })],
    ['a signature that is a string', () => ({ payload: item.payload, signatures: ['x'] })],
    [
      'too many signatures',
      () => ({
        payload: item.payload,
        signatures: Array.from({ length: MAX_SIGNATURES + 1 }, () => item),
      }),
    ],
    ['another spelling of a member', () => ({ ...item, Payload: 'e30' })],
    ['a protected header that is no object', () => ({ ...item, protected: jwsHeader([]) })],
    ['no alg', () => ({ ...item, protected: jwsHeader({ x5c: x5cOf(signer) }) })],
    [
      'an alg that is a number',
      () => ({ ...item, protected: jwsHeader({ alg: 1, x5c: x5cOf(signer) }) }),
    ],
    [
      'an x5c that is a string',
      () => ({ ...item, protected: jwsHeader({ alg: 'ES256', x5c: x5cOf(signer)[0] }) }),
    ],
    ['an empty x5c', () => ({ ...item, protected: jwsHeader({ alg: 'ES256', x5c: [] }) })],
    [
      'an x5c in base64url',
      () => ({
        ...item,
        protected: jwsHeader({ alg: 'ES256', x5c: [toBase64url(signer.certificate)] }),
      }),
    ],
    ['an x5c with a number', () => ({ ...item, protected: jwsHeader({ alg: 'ES256', x5c: [1] }) })],
    [
      'an x5c with something else',
      () => ({ ...item, protected: jwsHeader({ alg: 'ES256', x5c: ['AAAA'] }) }),
    ],
    [
      'too many certificates',
      () => ({
        ...item,
        protected: jwsHeader({
          alg: 'ES256',
          x5c: Array.from({ length: 17 }, () => x5cOf(signer)[0]),
        }),
      }),
    ],
  ];
  for (const [title, make] of malformed) {
    test(`refuses ${title} as not parsable`, async () => {
      expect(await verify(make())).toMatchObject({ ok: false, errorCodes: [36], signatures: [] });
    });
  }

  test('refuses a member that is there twice', async () => {
    const text = JSON.stringify(item).replace('{', '{"payload":"e30",');
    expect(await verifySigned(encodeUtf8(text), ca.trusting)).toMatchObject({
      ok: false,
      errorCodes: [36],
    });
    const twice = toBase64url(
      encodeUtf8(`{"alg":"ES256","alg":"ES256","x5c":${JSON.stringify(x5cOf(signer))}}`),
    );
    expect((await verify(await signJws(signer, twice))).errorCodes).toEqual([36]);
  });

  test('refuses an item without signatures', async () => {
    const result = await verify({ payload: item.payload, signatures: [] });
    expect(result).toMatchObject({ ok: false, errorCodes: [15] });
  });
});
