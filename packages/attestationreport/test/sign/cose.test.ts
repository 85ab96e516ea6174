import { concatBytes, encodeUtf8, toHex } from '@cmc/bytes';
import { flipEachByte, type IssuedCertificate, prefixes } from '@cmc/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor, type Tagged } from '../../src/codec/index.ts';
import {
  extractPayload,
  type SignedItem,
  signPayload,
  verifySigned,
} from '../../src/sign/index.ts';
import {
  type CoseEntry,
  type CoseEntryParts,
  coseEntry,
  coseMessage,
  PAYLOAD,
} from './cose-messages.ts';
import { createMetadataCa, type MetadataCa, NOW } from './keys.ts';

let ca: MetadataCa;
let signer: IssuedCertificate;
let second: IssuedCertificate;
let item: Uint8Array;
let twoSigned: Uint8Array;

beforeAll(async () => {
  ca = await createMetadataCa();
  signer = await ca.issue({ commonName: 'one' });
  second = await ca.issue({ commonName: 'two' });
  item = await signPayload(PAYLOAD, [signer.signer], 'cbor');
  twoSigned = await signPayload(PAYLOAD, [signer.signer, second.signer], 'cbor');
});

function verify(bytes: Uint8Array): Promise<SignedItem> {
  return verifySigned(bytes, ca.trusting);
}

describe('signPayload in CBOR', () => {
  test('makes COSE_Sign in the form of the reference', () => {
    const [, x5chain] = [
      0,
      signer.chain.map((der) => `59${der.length.toString(16).padStart(4, '0')}${toHex(der)}`),
    ];
    const start = `d8628440a0${toHex(encodeCbor(PAYLOAD))}818343a10126a1182182${x5chain.join('')}5840`;
    expect(toHex(item).slice(0, start.length)).toBe(start);
    expect(item.length).toBe(start.length / 2 + 64);
  });

  test('makes one entry per signer, in their order', () => {
    const tagged = decodeCbor(twoSigned, { tags: [98] }) as Tagged;
    const [, , , signatures] = tagged.value as readonly CborValue[];
    const leaves = (signatures as CoseEntry[]).map(
      ([, unprotected]) => (unprotected as Map<number, Uint8Array[]>).get(33)?.[0],
    );
    expect(leaves).toEqual([signer.certificate, second.certificate]);
  });

  test('signs the Sig_structure of RFC 9052, section 4.4', async () => {
    expect((await verify(coseMessage({ signatures: [coseEntry(signer)] }))).ok).toBe(true);
  });

  test.each(['EC256', 'EC384', 'EC521', 'RSA2048'] as const)(
    'round trip with %s',
    async (keyAlgorithm) => {
      const made = await ca.issue({ keyAlgorithm });
      const result = await verify(await signPayload(PAYLOAD, [made.signer], 'cbor'));
      expect(result).toMatchObject({ ok: true, serialization: 'cbor', errorCodes: [] });
      expect(result.payload).toEqual(PAYLOAD);
    },
  );
});

describe('verifySigned of a COSE item', () => {
  test('gives the validated chain of each signer', async () => {
    const { signatures } = await verify(twoSigned);
    const names = signatures.map(({ certs }) =>
      certs?.map((chain) => chain?.map(({ subject }) => subject.commonName)),
    );
    expect(names).toEqual([[['one', 'between', 'root']], [['two', 'between', 'root']]]);
  });

  test('accepts ES256 with a P-384 key, as the reference makes it', async () => {
    const by = await ca.issue({ keyAlgorithm: 'EC384' });
    expect((await verify(coseMessage({ signatures: [coseEntry(by)] }))).ok).toBe(true);
  });

  test('accepts other protected headers of the body, which are signed too', async () => {
    const body = encodeCbor(new Map([[3, 'text/plain']]));
    expect(
      (await verify(coseMessage({ body, signatures: [coseEntry(signer, { body })] }))).ok,
    ).toBe(true);
    expect((await verify(coseMessage({ body, signatures: [coseEntry(signer)] }))).ok).toBe(false);
  });

  test('takes an empty map of protected headers for the empty string', async () => {
    expect(
      (await verify(coseMessage({ signatures: [coseEntry(signer)], body: Uint8Array.of(0xa0) })))
        .ok,
    ).toBe(true);
  });

  test('refuses an item with any byte changed', async () => {
    for (const { bytes, offset } of flipEachByte(twoSigned)) {
      const result = await verify(bytes);
      expect(result.ok, `byte ${offset}`).toBe(false);
      expect(result.payload).toBeUndefined();
    }
  });

  test('refuses every proper prefix and trailing bytes', async () => {
    for (const prefix of prefixes(item)) expect((await verify(prefix)).ok).toBe(false);
    const trailing = concatBytes(item, Uint8Array.of(0));
    expect((await verify(trailing)).errorCodes).toEqual([37]);
  });

  test('one wrong signature fails every signature with code 64', async () => {
    const changed = twoSigned.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const result = await verify(changed);
    expect(result).toMatchObject({ ok: false, errorCodes: [] });
    expect(result.details).toMatch(/^signature 2: /);
    for (const { signatureVerification, certChainValidation } of result.signatures) {
      expect(signatureVerification).toMatchObject({ status: 'fail', errorCodes: [64] });
      expect(certChainValidation).toEqual({ status: 'success' });
    }
  });

  test('an untrusted signer has code 59 and shows its certificates', async () => {
    const stranger = await (await createMetadataCa()).issue({ commonName: 'stranger' });
    const result = await verify(await signPayload(PAYLOAD, [stranger.signer], 'cbor'));
    expect(result).toMatchObject({ ok: false, errorCodes: [] });
    const [first] = result.signatures;
    expect(first?.signatureVerification).toEqual({ status: 'success' });
    expect(first?.certChainValidation).toMatchObject({ status: 'fail', errorCodes: [59] });
    expect(first?.certs?.[0]?.[0]?.subject).toEqual({ commonName: 'stranger' });
  });

  test('R34 refuses an item of which only one of several signatures is good', async () => {
    const [header, unprotected] = coseEntry(second);
    for (const bad of [
      [header, unprotected, new Uint8Array(64)],
      [header, unprotected, coseEntry(signer)[2]],
    ]) {
      expect((await verify(coseMessage({ signatures: [coseEntry(signer), bad] }))).ok).toBe(false);
      expect((await verify(coseMessage({ signatures: [bad, coseEntry(signer)] }))).ok).toBe(false);
    }
  });

  test('R34 refuses an item of which only one of several signers is trusted', async () => {
    const stranger = await (await createMetadataCa()).issue();
    for (const signers of [
      [signer, stranger],
      [stranger, signer],
    ]) {
      const made = await signPayload(
        PAYLOAD,
        signers.map((each) => each.signer),
        'cbor',
      );
      expect((await verify(made)).ok).toBe(false);
    }
  });

  test('R34 counts a signer once, however often it signed', async () => {
    const twice = coseMessage({ signatures: [coseEntry(signer), coseEntry(signer)] });
    expect((await verify(twice)).ok).toBe(true);
    const result = await verifySigned(twice, { ...ca.trusting, minimumSigners: 2 });
    expect(result).toMatchObject({ ok: false, errorCodes: [64] });
    expect((await verifySigned(twoSigned, { ...ca.trusting, minimumSigners: 2 })).ok).toBe(true);
  });

  test.each([
    ['an HMAC', 5],
    ['ES256K', -47],
    ['EdDSA', -8],
    ['RS384', -258],
    ['RS1', -65535],
    ['a text', 'ES256'],
    ['nothing', undefined],
  ] as const)('R34 refuses %s as algorithm', async (_, id) => {
    const header = encodeCbor(new Map(id === undefined ? [] : [[1, id]]));
    const signatures = [coseEntry(signer, { protected: header })];
    const result = await verify(coseMessage({ signatures }));
    expect(result).toMatchObject({ ok: false, errorCodes: [57] });
    expect(result.signatures[0]?.signatureVerification.errorCodes).toEqual([57, 64]);
  });

  test('R34 refuses an algorithm that does not fit the key', async () => {
    const signatures = [coseEntry(signer, { protected: encodeCbor(new Map([[1, -37]])) })];
    expect(await verify(coseMessage({ signatures }))).toMatchObject({
      ok: false,
      errorCodes: [57],
    });
  });

  test.each([
    [
      'crit in the protected headers',
      () => ({
        protected: encodeCbor(
          new Map<number, CborValue>([
            [1, -7],
            [2, [3]],
          ]),
        ),
      }),
    ],
    [
      'x5u in the protected headers',
      () => ({
        protected: encodeCbor(
          new Map<number, CborValue>([
            [1, -7],
            [35, 'https://a.example'],
          ]),
        ),
      }),
    ],
    [
      'an unprotected algorithm',
      () => ({
        unprotected: new Map<number, CborValue>([
          [1, -7],
          [33, signer.chain],
        ]),
      }),
    ],
    [
      'an unprotected crit',
      () => ({
        unprotected: new Map<number, CborValue>([
          [2, [3]],
          [33, signer.chain],
        ]),
      }),
    ],
    [
      'an unprotected x5u',
      () => ({
        unprotected: new Map<number, CborValue>([
          [33, signer.chain],
          [35, 'https://a.example'],
        ]),
      }),
    ],
  ] as [string, () => CoseEntryParts][])('R34 refuses %s', async (_, parts) => {
    const result = await verify(coseMessage({ signatures: [coseEntry(signer, parts())] }));
    expect(result).toMatchObject({ ok: false, errorCodes: [37], signatures: [] });
  });

  test('R34 refuses crit in the headers of the body', async () => {
    const body = encodeCbor(new Map([[2, [3]]]));
    expect(
      (await verify(coseMessage({ body, signatures: [coseEntry(signer, { body })] }))).errorCodes,
    ).toEqual([37]);
    expect(
      (
        await verify(
          coseMessage({ signatures: [coseEntry(signer)], bodyUnprotected: new Map([[2, [3]]]) }),
        )
      ).errorCodes,
    ).toEqual([37]);
  });

  test.each([
    ['no certificates', () => new Map(), 31],
    ['one certificate that is no array', () => new Map([[33, signer.certificate]]), 31],
    ['an empty array', () => new Map([[33, []]]), 31],
    [
      '17 certificates',
      () => new Map([[33, Array.from({ length: 17 }, () => signer.certificate)]]),
      31,
    ],
    ['texts', () => new Map([[33, ['cert']]]), 5],
    ['something else than certificates', () => new Map([[33, [Uint8Array.of(1)]]]), 34],
    [
      'a certificate with trailing bytes',
      () => new Map([[33, [concatBytes(signer.certificate, Uint8Array.of(0))]]]),
      34,
    ],
  ] as [string, () => CborValue, number][])(
    'refuses a signature with %s, with a code of its own',
    async (_, unprotected, code) => {
      const signatures = [coseEntry(signer, { unprotected: unprotected() })];
      const result = await verify(coseMessage({ signatures }));
      expect(result.ok).toBe(false);
      expect(result.errorCodes).toEqual(code === 5 ? [5] : []);
      expect(result.signatures[0]?.certChainValidation).toMatchObject({
        status: 'fail',
        errorCodes: [code],
      });
      expect(result.signatures[0]?.signatureVerification).toMatchObject({
        status: 'fail',
        errorCodes: [64],
      });
    },
  );

  test('R34 takes no certificates out of protected headers', async () => {
    const header = encodeCbor(
      new Map<number, CborValue>([
        [1, -7],
        [33, signer.chain],
      ]),
    );
    const signatures = [coseEntry(signer, { protected: header, unprotected: new Map() })];
    const result = await verify(coseMessage({ signatures }));
    expect(result.signatures[0]?.certChainValidation.errorCodes).toEqual([31]);
  });

  test('R11 refuses metadata that a TLS certificate of the same CA signed', async () => {
    const tls = await ca.issue({ extendedKeyUsage: ['serverAuth', 'clientAuth'] });
    const made = await signPayload(PAYLOAD, [tls.signer], 'cbor');
    const result = await verify(made);
    expect(result.ok).toBe(false);
    expect(result.signatures[0]?.certChainValidation.errorCodes).toEqual([59]);
    expect((await verifySigned(made, { ...ca.trusting, purpose: 'any' })).ok).toBe(true);
  });

  test.each([
    ['one byte short', (bytes: Uint8Array) => bytes.subarray(1)],
    ['one byte long', (bytes: Uint8Array) => concatBytes(Uint8Array.of(0), bytes)],
    ['empty', () => new Uint8Array()],
  ])('refuses a signature that is %s', async (_, change) => {
    const [header, unprotected, signature] = coseEntry(signer);
    const signatures = [[header, unprotected, change(signature as Uint8Array)]];
    const result = await verify(coseMessage({ signatures }));
    expect(result.signatures[0]?.signatureVerification.errorCodes).toEqual([64]);
  });

  test('verifies with a key that is known, without certificates', async () => {
    const bare = { ...signer.signer, certificateChain: [] };
    const made = await signPayload(PAYLOAD, [bare], 'cbor');
    const trust = { publicKey: signer.signer.publicKey };
    expect(await verifySigned(made, { trust, now: NOW })).toMatchObject({
      ok: true,
      signatures: [
        { signatureVerification: { status: 'success' }, certChainValidation: { status: '' } },
      ],
    });
    const other = { publicKey: second.signer.publicKey };
    expect((await verifySigned(made, { trust: other, now: NOW })).ok).toBe(false);
  });
});

test('extractPayload gives the payload of any COSE_Sign, verified or not', () => {
  const forged = coseMessage({ signatures: [] });
  expect(extractPayload(forged)).toEqual({ payload: PAYLOAD, serialization: 'cbor' });
  expect(extractPayload(coseMessage({ signatures: [], payload: encodeUtf8('x') })).payload).toEqual(
    encodeUtf8('x'),
  );
});
