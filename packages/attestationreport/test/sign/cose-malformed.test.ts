import { fromHex, toHex } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { encodeCbor, Tagged } from '../../src/codec/index.ts';
import { MAX_SIGNATURES, type SignedItem, verifySigned } from '../../src/sign/index.ts';
import { coseEntry, coseMessage, ES256, PAYLOAD } from './cose-messages.ts';
import { createMetadataCa } from './keys.ts';

const ca = await createMetadataCa();
const signer = await ca.issue();
const good = { signatures: [coseEntry(signer)] };

function verify(bytes: Uint8Array): Promise<SignedItem> {
  return verifySigned(bytes, ca.trusting);
}

describe('verifySigned of a malformed COSE item', () => {
  const malformed: readonly (readonly [string, () => Uint8Array])[] = [
    ['a detached payload', () => coseMessage({ ...good, payload: null })],
    ['a payload that is text', () => coseMessage({ ...good, payload: 'x' })],
    ['protected headers that are no bytes', () => coseMessage({ ...good, body: new Map() })],
    [
      'protected headers that are no map',
      () => coseMessage({ ...good, body: Uint8Array.of(0x80) }),
    ],
    [
      'protected headers with trailing bytes',
      () => coseMessage({ ...good, body: Uint8Array.of(0xa0, 0xa0) }),
    ],
    ['unprotected headers that are no map', () => coseMessage({ ...good, bodyUnprotected: [] })],
    ['signatures that are no array', () => coseMessage({ signatures: new Map() })],
    ['a signature that is no array', () => coseMessage({ signatures: [1] })],
    ['a signature of two elements', () => coseMessage({ signatures: [[ES256, new Map()]] })],
    ['a signature that is text', () => coseMessage({ signatures: [[ES256, new Map(), 'x']] })],
    [
      'too many signatures',
      () =>
        coseMessage({
          signatures: Array.from({ length: MAX_SIGNATURES + 1 }, () => coseEntry(signer)),
        }),
    ],
    ['three elements', () => encodeCbor(new Tagged(98, [new Uint8Array(), new Map(), PAYLOAD]))],
    ['a map', () => encodeCbor(new Tagged(98, new Map()))],
    [
      'a length that is longer than needed',
      () => fromHex(`d862845800a0${toHex(encodeCbor(PAYLOAD))}80`),
    ],
    ['an indefinite length', () => fromHex(`d8629f40a0${toHex(encodeCbor(PAYLOAD))}80ff`)],
    ['a tag inside', () => coseMessage({ ...good, payload: new Tagged(24, PAYLOAD) })],
  ];
  for (const [title, make] of malformed) {
    test(`refuses ${title} as not parsable`, async () => {
      expect(await verify(make())).toMatchObject({ ok: false, errorCodes: [37], signatures: [] });
    });
  }

  test('refuses duplicate headers', async () => {
    const twice = fromHex('a201260126');
    const result = await verify(
      coseMessage({ signatures: [coseEntry(signer, { protected: twice })] }),
    );
    expect(result.errorCodes).toEqual([37]);
  });

  test('refuses an item without signatures', async () => {
    expect(await verify(coseMessage({ signatures: [] }))).toMatchObject({
      ok: false,
      errorCodes: [20],
    });
  });
});
