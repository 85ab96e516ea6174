import { encodeUtf8, fromHex } from '@cmc/bytes';
import { createFakeCa, type IssuedCertificate } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import { encodeCbor } from '../../src/codec/index.ts';
import type { Signer } from '../../src/contract.ts';
import {
  extractPayload,
  isSignedReport,
  signPayload,
  signReport,
  verifySigned,
} from '../../src/sign/index.ts';
import { MAX_UNTRUSTED_SIGNERS } from '../../src/sign/verify-signed.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { createMetadataCa, NOW } from './keys.ts';

const payload = encodeUtf8('{"type":"Manifest"}');
const ca = await createMetadataCa();
const issued = await ca.issue();

describe('verifySigned', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['spaces', encodeUtf8('  \n')],
    ['an array', encodeUtf8('[]')],
    ['a compact JWS', encodeUtf8('e30.e30.AAAA')],
    ['COSE_Sign1', fromHex('d28440a04040')],
    ['COSE_Sign without tag', fromHex('8440a04080')],
    ['a tag in two bytes', fromHex('d90062')],
  ])('says of %s that it is in neither encoding', async (_, bytes) => {
    const result = await verifySigned(bytes, ca.trusting);
    expect(result).toMatchObject({ ok: false, errorCodes: [6], signatures: [] });
    expect(result.serialization).toBeUndefined();
    expect(() => extractPayload(bytes)).toThrow(expect.objectContaining({ name: 'DecodeError' }));
  });

  test.each(['json', 'cbor'] as const)('trusts nobody without roots, %s', async (serialization) => {
    const item = await signPayload(payload, [issued.signer], serialization);
    expect(await verifySigned(item, { trust: { roots: [] }, now: NOW })).toMatchObject({
      ok: false,
      errorCodes: [45],
    });
  });

  test('says that a key is none', async () => {
    const item = await signPayload(payload, [issued.signer], 'json');
    const trust = { publicKey: Uint8Array.of(0x30, 0x00) };
    expect(await verifySigned(item, { trust, now: NOW })).toMatchObject({
      ok: false,
      errorCodes: [80],
    });
  });

  test.each(['json', 'cbor'] as const)(
    'R46 looks at a few untrusted signers only, however many there are, %s',
    async (serialization) => {
      const stranger = createFakeCa({ commonName: 'Fake CA' });
      const others = await Promise.all(Array.from({ length: 5 }, () => stranger.issue()));
      const signers = [issued, ...others].map(({ signer }) => signer);
      const item = await signPayload(payload, signers, serialization);
      const { ok, signatures } = await verifySigned(item, ca.trusting);
      expect(ok).toBe(false);
      const chains = signatures.map(({ certChainValidation }) => certChainValidation);
      expect(chains.map(({ status }) => status)).toEqual(['success', ...Array(5).fill('fail')]);
      const untouched = chains.filter(({ details }) => details?.startsWith('not looked at'));
      expect(untouched).toHaveLength(5 - MAX_UNTRUSTED_SIGNERS);
    },
  );

  test('leaves its input as it was', async () => {
    for (const serialization of ['json', 'cbor'] as const) {
      const item = await signPayload(payload, [issued.signer], serialization);
      const before = item.slice();
      const verified = await verifySigned(item, ca.trusting);
      expect(item).toEqual(before);
      item.fill(0);
      expect(verified.payload).toEqual(payload);
    }
  });
});

describe('signPayload', () => {
  const signer: Signer = issued.signer;

  test('signs through signDigest when there is no signMessage, as with a TPM', async () => {
    for (const keyAlgorithm of ['EC256', 'EC384', 'EC521', 'RSA2048'] as const) {
      const { signer: whole } = await ca.issue({ keyAlgorithm });
      const { signMessage, ...digestOnly } = whole;
      expect(signMessage).toBeDefined();
      for (const serialization of ['json', 'cbor'] as const) {
        const item = await signPayload(payload, [digestOnly as Signer], serialization);
        expect((await verifySigned(item, ca.trusting)).ok).toBe(true);
      }
    }
  });

  test('prefers signMessage', async () => {
    const signDigest = () => Promise.reject(new Error('not to be called'));
    const item = await signPayload(payload, [{ ...signer, signDigest }], 'json');
    expect((await verifySigned(item, ca.trusting)).ok).toBe(true);
  });

  test('takes the first algorithm of the signer that the encoding accepts', async () => {
    const { signer: rsa } = await ca.issue({ keyAlgorithm: 'RSA2048' });
    const algorithms = ['PS384', 'RS512', 'RS256'] as const;
    const json = await signPayload(payload, [{ ...rsa, algorithms }], 'json');
    const [, header = ''] = /"protected":"([^"]+)"/.exec(new TextDecoder().decode(json)) ?? [];
    expect(JSON.parse(Buffer.from(header, 'base64url').toString()).alg).toBe('RS512');
    const cbor = await signPayload(payload, [{ ...rsa, algorithms }], 'cbor');
    expect(Buffer.from(cbor).includes(Buffer.from('44a1013825', 'hex'))).toBe(true);
    expect((await verifySigned(cbor, ca.trusting)).ok).toBe(true);
  });

  test('refuses signers of whom nobody could verify anything', async () => {
    const sign = (...signers: Signer[]) => signPayload(payload, signers, 'json');
    await expect(sign()).rejects.toThrow(RangeError);
    await expect(sign(signer, { ...signer })).rejects.toThrow(RangeError);
    const other = createFakeCa();
    await expect(sign({ ...signer, algorithms: ['PS256'] })).rejects.toMatchObject({
      code: 'ERR_SIGN_ALGORITHM',
    });
    await expect(sign({ ...signer, certificateChain: [other.certificate] })).rejects.toMatchObject({
      code: 'ERR_SIGN_CERTIFICATE',
    });
    const long = Array.from({ length: 17 }, () => issued.certificate);
    await expect(sign({ ...signer, certificateChain: long })).rejects.toMatchObject({
      code: 'ERR_SIGN_CERTIFICATE',
    });
    await expect(sign({ ...signer, certificateChain: [Uint8Array.of(1)] })).rejects.toMatchObject({
      name: 'DecodeError',
    });
  });

  test('never lets a wrong signature out', async () => {
    const other = (await ca.issue()).signer;
    const wrong = { ...issued.signer, signMessage: other.signMessage };
    for (const serialization of ['json', 'cbor'] as const) {
      await expect(signPayload(payload, [wrong], serialization)).rejects.toMatchObject({
        code: 'ERR_SIGN_SIGNATURE',
      });
    }
  });

  test('leaves wrong signatures to the verifier when told to', async () => {
    const other = (await ca.issue()).signer;
    const wrong = { ...issued.signer, signMessage: other.signMessage };
    for (const serialization of ['json', 'cbor'] as const) {
      const item = await signPayload(payload, [wrong], serialization, { selfCheck: false });
      const verdict = await verifySigned(item, ca.trusting);
      expect(verdict.ok).toBe(false);
      expect(verdict.signatures[0]?.signatureVerification.status).toBe('fail');
    }
  });

  test('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(signPayload(payload, [signer], 'json', { signal })).rejects.toThrow('enough');
  });

  test('passes the signal on', async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    const spying: Signer = {
      ...signer,
      signMessage: (message, algorithm, options) => {
        seen.push(options?.signal);
        return issued.signer.signMessage(message, algorithm as 'ES256');
      },
    };
    await signPayload(payload, [spying], 'json', { signal });
    expect(seen).toEqual([signal]);
  });

  test('signs an empty payload and a large one', async () => {
    for (const bytes of [new Uint8Array(), new Uint8Array(2_000_000).fill(0x61)]) {
      for (const serialization of ['json', 'cbor'] as const) {
        const item = await signPayload(bytes, [signer], serialization);
        const verified = await verifySigned(item, ca.trusting);
        expect(verified.ok).toBe(true);
        expect(Buffer.from(verified.payload ?? []).equals(Buffer.from(bytes))).toBe(true);
      }
    }
  });
});

describe('signReport', () => {
  const reports = {
    json: encodeUtf8('{"version":"3.3.0","type":"Attestation Report","name":"\\"payload\\""}'),
    cbor: encodeCbor(new Map([[0, '3.3.0']])),
  };
  let identity: IssuedCertificate;

  test.each(['json', 'cbor'] as const)('signs a report in %s as a whole', async (serialization) => {
    identity = await ca.issue({ extendedKeyUsage: ['clientAuth', 'serverAuth'] });
    const report = reports[serialization];
    expect(isSignedReport(report)).toBe(false);
    const signed = await signReport(report, identity.signer);
    expect(isSignedReport(signed)).toBe(true);
    const options = { ...ca.trusting, purpose: 'report' } as const;
    const verified = await verifySigned(signed, options);
    expect(verified).toMatchObject({ ok: true, serialization });
    expect(verified.payload).toEqual(report);
    await expect(signReport(signed, identity.signer)).rejects.toThrow(RangeError);
  });

  test('R11 does not take the certificate of a metadata signer', async () => {
    const signer = await ca.issue({ extendedKeyUsage: ['codeSigning'] });
    const signed = await signReport(reports.json, signer.signer);
    expect((await verifySigned(signed, { ...ca.trusting, purpose: 'report' })).ok).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['a JSON text that is none', '{"payload"'],
    ['an array', '["payload"]'],
    ['a payload further down', '{"a":{"payload":1}}'],
    ['null', 'null "payload"'],
  ])('%s has not the form of a signed report', (_, text) => {
    expect(isSignedReport(encodeUtf8(text))).toBe(false);
    expect(isSignedReport(Uint8Array.of(0xff, 0xfe))).toBe(false);
  });
});

test('the trust anchor may be the signer itself', async () => {
  const self = createFakeCa({ isCa: false, commonName: 'self' });
  const signer: Signer = {
    ...issued.signer,
    publicKey: parseCertificate(self.certificate).spki,
    certificateChain: [self.certificate],
    signMessage: (message, algorithm) =>
      import('@cmc/testkit').then(({ fakeSigner }) =>
        fakeSigner(self.key).signMessage(message, algorithm as 'ES256'),
      ),
  };
  const item = await signPayload(payload, [signer], 'json');
  const trust = { roots: [parseCertificate(self.certificate)] };
  expect((await verifySigned(item, { trust, now: new Date() })).ok).toBe(true);
});
