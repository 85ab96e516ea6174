import { decodeUtf8, encodeUtf8, toBase64, toBase64url } from '@cmc/bytes';
import { flipEachByte, type IssuedCertificate, prefixes, spkiOf } from '@cmc/testkit';
import * as jose from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  extractPayload,
  type SignedItem,
  signPayload,
  verifySigned,
} from '../../src/sign/index.ts';
import {
  type FlattenedJws,
  type GeneralJws,
  jwsHeader,
  PAYLOAD,
  signJws,
  x5cOf,
} from './jws-messages.ts';
import { createMetadataCa, type MetadataCa, NOW } from './keys.ts';

let ca: MetadataCa;
let signer: IssuedCertificate;
let second: IssuedCertificate;
let item: FlattenedJws;
let twoSigned: GeneralJws;

beforeAll(async () => {
  ca = await createMetadataCa();
  signer = await ca.issue({ commonName: 'one' });
  second = await ca.issue({ commonName: 'two' });
  item = parse(await signPayload(PAYLOAD, [signer.signer], 'json'));
  twoSigned = parse(await signPayload(PAYLOAD, [signer.signer, second.signer], 'json'));
});

function parse<T>(bytes: Uint8Array): T {
  return JSON.parse(decodeUtf8(bytes)) as T;
}

function verify(message: unknown): Promise<SignedItem> {
  return verifySigned(encodeUtf8(JSON.stringify(message)), ca.trusting);
}

describe('signPayload in JSON', () => {
  test('makes a flattened JWS with members and header in the order of the reference', () => {
    expect(Object.keys(item)).toEqual(['payload', 'protected', 'signature']);
    expect(Buffer.from(item.protected, 'base64url').toString()).toBe(
      JSON.stringify({ alg: 'ES256', x5c: x5cOf(signer) }),
    );
    expect(Buffer.from(item.payload, 'base64url')).toEqual(Buffer.from(PAYLOAD));
  });

  test('makes a general JWS with several signers, in their order', async () => {
    expect(Object.keys(twoSigned)).toEqual(['payload', 'signatures']);
    const leaves = twoSigned.signatures.map((signature) => {
      expect(Object.keys(signature)).toEqual(['protected', 'signature']);
      return JSON.parse(Buffer.from(signature.protected, 'base64url').toString()).x5c[0];
    });
    expect(leaves).toEqual([signer, second].map(({ certificate }) => toBase64(certificate)));
  });

  test('leaves x5c out when there are no certificates', async () => {
    const bare = { ...signer.signer, certificateChain: [] };
    const { protected: text } = parse<FlattenedJws>(await signPayload(PAYLOAD, [bare], 'json'));
    expect(Buffer.from(text, 'base64url').toString()).toBe('{"alg":"ES256"}');
  });

  test.each(['EC256', 'EC384', 'EC521', 'RSA2048', 'RSA4096'] as const)(
    'makes what jose verifies, with %s',
    async (keyAlgorithm) => {
      const { signer: made, key } = await ca.issue({ keyAlgorithm });
      const jws = parse<jose.FlattenedJWSInput>(await signPayload(PAYLOAD, [made], 'json'));
      const verified = await jose.flattenedVerify(jws, key.publicKey);
      expect(Buffer.from(verified.payload)).toEqual(Buffer.from(PAYLOAD));
      const expected = {
        EC256: 'ES256',
        EC384: 'ES384',
        EC521: 'ES512',
        RSA2048: 'RS256',
        RSA4096: 'RS512',
      };
      expect(verified.protectedHeader?.alg).toBe(expected[keyAlgorithm]);
      expect(await verify(jws)).toMatchObject({ ok: true, serialization: 'json' });
    },
  );
});

describe('verifySigned of a JWS', () => {
  test('accepts what jose signs', async () => {
    const flattened = await new jose.FlattenedSign(PAYLOAD)
      .setProtectedHeader({ x5c: [...x5cOf(signer)], alg: 'ES256', kid: 'a', typ: 'b' })
      .sign(signer.key.privateKey);
    const verified = await verify(flattened);
    expect(verified.ok).toBe(true);
    expect(verified.payload).toEqual(PAYLOAD);
    const general = await new jose.GeneralSign(PAYLOAD)
      .addSignature(signer.key.privateKey)
      .setProtectedHeader({ alg: 'ES256', x5c: [...x5cOf(signer)] })
      .addSignature(second.key.privateKey)
      .setProtectedHeader({ alg: 'ES256', x5c: second.chain.map(toBase64) })
      .sign();
    expect((await verify(general)).signatures).toHaveLength(2);
    expect((await verify(general)).ok).toBe(true);
  });

  test('gives the validated chain of each signer', async () => {
    const { signatures } = await verify(twoSigned);
    const names = signatures.map(({ certs }) =>
      certs?.map((chain) => chain?.map(({ subject }) => subject.commonName)),
    );
    expect(names).toEqual([[['one', 'between', 'root']], [['two', 'between', 'root']]]);
    expect(signatures.map(({ signatureVerification }) => signatureVerification)).toEqual([
      { status: 'success' },
      { status: 'success' },
    ]);
  });

  test('refuses an item with any byte changed', async () => {
    for (const { bytes, offset } of flipEachByte(encodeUtf8(JSON.stringify(item)))) {
      const verified = await verifySigned(bytes, ca.trusting);
      expect(verified.ok, `byte ${offset}`).toBe(false);
      expect(verified.payload).toBeUndefined();
    }
  });

  test('refuses every proper prefix and trailing text', async () => {
    const whole = encodeUtf8(JSON.stringify(item));
    for (const prefix of prefixes(whole)) {
      expect((await verifySigned(prefix, ca.trusting)).ok).toBe(false);
    }
    const trailing = encodeUtf8(`${JSON.stringify(item)}{}`);
    expect((await verifySigned(trailing, ca.trusting)).errorCodes).toEqual([36]);
  });

  test('a wrong signature has code 64, and 16 for the item', async () => {
    const result = await verify({ ...item, payload: toBase64url(encodeUtf8('{}')) });
    expect(result).toMatchObject({ ok: false, errorCodes: [16] });
    expect(result.signatures[0]?.signatureVerification).toMatchObject({
      status: 'fail',
      errorCodes: [64],
    });
    expect(result.signatures[0]?.certChainValidation.status).toBe('success');
  });

  test('an untrusted signer has code 59 and shows no certificates', async () => {
    const stranger = await (await createMetadataCa()).issue();
    const made = await signPayload(PAYLOAD, [stranger.signer], 'json');
    const result = await verifySigned(made, ca.trusting);
    expect(result).toMatchObject({ ok: false, errorCodes: [] });
    expect(result.signatures).toEqual([
      {
        signatureVerification: { status: '' },
        certChainValidation: expect.objectContaining({ status: 'fail', errorCodes: [59] }),
      },
    ]);
  });

  test('R34 refuses an item of which only one of several signatures is good', async () => {
    const [first, other] = twoSigned.signatures;
    const bad = { ...other, signature: first!.signature };
    const result = await verify({ ...twoSigned, signatures: [first, bad] });
    expect(result).toMatchObject({ ok: false, errorCodes: [16, 17] });
    const reversed = await verify({ ...twoSigned, signatures: [bad, first] });
    expect(reversed).toMatchObject({ ok: false, errorCodes: [16, 17] });
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
        'json',
      );
      expect((await verifySigned(made, ca.trusting)).ok).toBe(false);
    }
  });

  test('R34 refuses one signature twice, which would count as two signers', async () => {
    const [first] = twoSigned.signatures;
    const result = await verify({ ...twoSigned, signatures: [first, first] });
    expect(result).toMatchObject({ ok: false, errorCodes: [16] });
  });

  test('R34 refuses two signatures by one key under two certificates', async () => {
    const again = await ca.issue({ commonName: 'again', key: signer.key });
    const other = parse<FlattenedJws>(await signPayload(PAYLOAD, [again.signer], 'json'));
    const result = await verify({
      ...twoSigned,
      signatures: [item, other].map(({ protected: p, signature }) => ({ protected: p, signature })),
    });
    expect(result).toMatchObject({ ok: false, errorCodes: [16] });
  });

  test('R34 requires as many different signers as the verifier demands', async () => {
    const ask = (bytes: unknown, minimumSigners: number) =>
      verifySigned(encodeUtf8(JSON.stringify(bytes)), { ...ca.trusting, minimumSigners });
    expect((await ask(item, 1)).ok).toBe(true);
    expect(await ask(item, 2)).toMatchObject({ ok: false, errorCodes: [64] });
    expect((await ask(twoSigned, 2)).ok).toBe(true);
    expect((await ask(twoSigned, 3)).ok).toBe(false);
  });

  test.each([0, -1, 1.5, Number.NaN])(
    'minimumSigners of %s is the fault of the caller',
    async (n) => {
      const bytes = encodeUtf8(JSON.stringify(item));
      await expect(verifySigned(bytes, { ...ca.trusting, minimumSigners: n })).rejects.toThrow(
        RangeError,
      );
    },
  );

  test.each(['none', 'HS256', 'RS384', 'PS256', 'EdDSA', 'ES256K', 'es256', 'toString', ''])(
    'R34 refuses the algorithm %j',
    async (alg) => {
      const result = await verify(await signJws(signer, jwsHeader({ alg, x5c: x5cOf(signer) })));
      expect(result).toMatchObject({ ok: false, errorCodes: [57, 16] });
      const [first] = result.signatures;
      expect(first?.signatureVerification).toMatchObject({ status: 'fail', errorCodes: [57] });
    },
  );

  test('R34 refuses alg none with an empty signature', async () => {
    const result = await verify({
      ...item,
      protected: jwsHeader({ alg: 'none', x5c: x5cOf(signer) }),
      signature: '',
    });
    expect(result.ok).toBe(false);
  });

  test('R34 refuses HS256 with the public key as secret', async () => {
    const secret = spkiOf(signer.key);
    const forged = await new jose.FlattenedSign(PAYLOAD)
      .setProtectedHeader({ alg: 'HS256', x5c: [...x5cOf(signer)] })
      .sign(secret);
    expect((await verify(forged)).ok).toBe(false);
    const trust = { publicKey: secret };
    const bytes = encodeUtf8(JSON.stringify(forged));
    expect((await verifySigned(bytes, { trust, now: NOW })).ok).toBe(false);
  });

  test.each([
    ['jwk', (): unknown => signer.key.publicKey.export({ format: 'jwk' })],
    ['jku', (): unknown => 'https://a.example/keys'],
    ['x5u', (): unknown => 'https://a.example/cert'],
    ['crit', (): unknown => ['exp']],
    ['crit', (): unknown => []],
    ['b64', (): unknown => false],
    ['b64', (): unknown => true],
    ['Alg', (): unknown => 'ES256'],
    ['X5C', (): unknown => []],
  ] as const)('R34 refuses the header parameter %s', async (name, value) => {
    const result = await verify(
      await signJws(signer, jwsHeader({ alg: 'ES256', x5c: x5cOf(signer), [name]: value() })),
    );
    expect(result).toMatchObject({ ok: false, errorCodes: [36], signatures: [] });
  });

  test('R34 refuses an unencoded payload', async () => {
    const text = decodeUtf8(PAYLOAD);
    const result = await verify(
      await signJws(
        signer,
        jwsHeader({ alg: 'ES256', b64: false, crit: ['b64'], x5c: x5cOf(signer) }),
        text,
      ),
    );
    expect(result.ok).toBe(false);
  });

  test('R34 takes no key out of unprotected headers', async () => {
    const bare = await signJws(signer, jwsHeader({ alg: 'ES256' }));
    expect((await verify(bare)).signatures[0]?.certChainValidation.errorCodes).toEqual([59]);
    expect(await verify({ ...bare, header: { x5c: x5cOf(signer) } })).toMatchObject({
      ok: false,
      errorCodes: [36],
    });
    expect(await verify({ ...item, header: {} })).toMatchObject({ ok: false, errorCodes: [36] });
  });

  test('R11 refuses metadata that a TLS certificate of the same CA signed', async () => {
    const tls = await ca.issue({ extendedKeyUsage: ['serverAuth', 'clientAuth'] });
    const made = await signPayload(PAYLOAD, [tls.signer], 'json');
    const result = await verifySigned(made, ca.trusting);
    expect(result.ok).toBe(false);
    expect(result.signatures[0]?.certChainValidation.errorCodes).toEqual([59]);
    expect((await verifySigned(made, { ...ca.trusting, purpose: 'any' })).ok).toBe(true);
  });

  test('an expired signer is refused', async () => {
    const bytes = encodeUtf8(JSON.stringify(item));
    const later = await verifySigned(bytes, {
      ...ca.trusting,
      now: new Date('2027-01-02T00:00:00Z'),
    });
    expect(later.signatures[0]?.certChainValidation.errorCodes).toEqual([59]);
  });

  test('verifies with a key that is known, without certificates', async () => {
    const trust = { publicKey: signer.signer.publicKey };
    const bare = { ...signer.signer, certificateChain: [] };
    const made = await signPayload(PAYLOAD, [bare], 'json');
    expect(await verifySigned(made, { trust, now: NOW })).toMatchObject({
      ok: true,
      signatures: [
        { signatureVerification: { status: 'success' }, certChainValidation: { status: '' } },
      ],
    });
    const other = { publicKey: second.signer.publicKey };
    expect((await verifySigned(made, { trust: other, now: NOW })).ok).toBe(false);
  });

  test('a key that is known is the only one, whatever certificates the item has', async () => {
    const trust = { publicKey: second.signer.publicKey };
    const bytes = encodeUtf8(JSON.stringify(item));
    expect((await verifySigned(bytes, { trust, now: NOW })).ok).toBe(false);
  });
});

describe('extractPayload', () => {
  test('gives the payload of any JWS, verified or not', async () => {
    const forged = { ...item, signature: 'AAAA' };
    expect(extractPayload(encodeUtf8(JSON.stringify(forged)))).toEqual({
      payload: PAYLOAD,
      serialization: 'json',
    });
  });
});
