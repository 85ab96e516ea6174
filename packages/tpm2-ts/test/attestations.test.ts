import { createHash, randomBytes } from 'node:crypto';
import { encodeUtf8, fromHex } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tpm, TpmObject } from '../src/index.ts';
import {
  type CurveName,
  decodeTpmsAttest,
  decodeTpmtSignature,
  publicKeyOf,
  type TpmtScheme,
  verifyCertify,
  verifyCreation,
  verifyQuote,
  verifyTpmtSignature,
} from '../src/verify/index.ts';
import { isSwtpmMissing } from './support/swtpm.ts';
import { ECDSA_256, openTestTpm, type TestTpm } from './support/test-tpm.ts';

const KEYS: readonly [CurveName | 2048, TpmtScheme][] = [
  ['P-256', ECDSA_256],
  ['P-384', { scheme: 'ECDSA', hash: 'SHA-384' }],
  ['P-521', { scheme: 'ECDSA', hash: 'SHA-512' }],
  [2048, { scheme: 'RSASSA', hash: 'SHA-256' }],
  [2048, { scheme: 'RSAPSS', hash: 'SHA-256' }],
];

describe.skipIf(isSwtpmMissing)('attestations and signatures', () => {
  let world: TestTpm;
  let tpm: Tpm;
  let srk: TpmObject;
  let createAndLoad: TestTpm['createAndLoad'];
  let loaded: TestTpm['loaded'];
  beforeAll(async () => {
    world = await openTestTpm();
    ({ tpm, srk, createAndLoad, loaded } = world);
  });
  afterAll(async () => await world?.[Symbol.asyncDispose]());

  test.each(KEYS)('quotes with a %s key, %o, verify', async (key, scheme) => {
    await using ak = await createAndLoad(key, scheme);
    const nonce = new Uint8Array(randomBytes(32));
    const pcrs = [{ bank: 'SHA-256', pcrs: [0, 1, 7, 16, 23] }] as const;
    const { attest, signature } = await tpm.quote(ak, { qualifyingData: nonce, pcrs });
    const values = new Map([['SHA-256', await tpm.pcrs.read('SHA-256', pcrs[0].pcrs)] as const]);
    const options = {
      attest,
      signature,
      key: { publicArea: ak.publicArea },
      nonce,
      pcrs: values,
      requiredPcrs: [0, 7],
    };
    const { ok, checks } = await verifyQuote(options);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    const { clockInfo } = decodeTpmsAttest(attest);
    expect(clockInfo.clock).toBeGreaterThan(0n);
  });

  test('certifies creations and objects; the name, the data and the key are bound', async () => {
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const { creation } = ak;
    const qualifyingData = encodeUtf8('fresh');
    const made = await tpm.certifyCreation(ak, ak, { ...creation, qualifyingData });
    const key = { publicArea: ak.publicArea };
    const verified = await verifyCreation({
      ...made,
      key,
      qualifyingData,
      object: ak.publicArea,
      creationData: creation.creationData,
      parentName: srk.name,
    });
    expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
    expect(verified.ok).toBe(true);
    const otherParent = await verifyCreation({
      ...made,
      key,
      qualifyingData,
      object: ak.publicArea,
      creationData: creation.creationData,
      parentName: ak.name,
    });
    expect(otherParent.ok).toBe(false);

    await using tls = await createAndLoad('P-256');
    const certified = await tpm.certify(tls, ak, { qualifyingData });
    const good = await verifyCertify({ ...certified, key, qualifyingData, object: tls.publicArea });
    expect(good.ok).toBe(true);
    const swapped = await verifyCertify({
      ...certified,
      key,
      qualifyingData,
      object: ak.publicArea,
    });
    expect(swapped.checks.find(({ id }) => id === 'object-name')?.ok).toBe(false);
  });

  test('each byte of a certified creation counts: flipped, it is refused', async () => {
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const { creation } = ak;
    const qualifyingData = encodeUtf8('fresh');
    const good = {
      ...(await tpm.certifyCreation(ak, ak, { ...creation, qualifyingData })),
      key: { publicArea: ak.publicArea },
      qualifyingData,
      object: ak.publicArea,
      creationData: creation.creationData,
    };
    expect((await verifyCreation(good)).ok).toBe(true);
    for (const field of ['attest', 'signature', 'object', 'creationData'] as const) {
      for (const { offset, bytes } of flipEachByte(good[field])) {
        const { ok } = await verifyCreation({ ...good, [field]: bytes });
        expect(ok, `byte ${offset} of ${field}`).toBe(false);
      }
    }
    const other = await verifyCreation({ ...good, qualifyingData: encodeUtf8('stale') });
    expect(other.checks.filter((check) => !check.ok).map(({ id }) => id)).toEqual(['nonce']);
    const asCertify = await verifyCertify(good);
    expect(asCertify.checks.find(({ id }) => id === 'type')?.ok).toBe(false);
    const requiredAttributes = ['fixedTPM', 'decrypt'] as const;
    const strict = await verifyCreation({ ...good, requiredAttributes });
    expect(strict.checks.filter((check) => !check.ok).map(({ id }) => id)).toEqual([
      'object-attributes',
    ]);
  });

  test('R10 an attestation by a key that is not restricted is refused', async () => {
    await using key = await createAndLoad('P-256');
    const nonce = encodeUtf8('nonce');
    const pcrs = [{ bank: 'SHA-256', pcrs: [0] }] as const;
    const quote = await tpm.quote(key, { qualifyingData: nonce, pcrs, scheme: ECDSA_256 });
    const options = { ...quote, key: { publicArea: key.publicArea }, nonce };
    const { ok, checks } = await verifyQuote(options);
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok).map(({ id }) => id)).toEqual(['key-attributes']);
  });

  test('signs digests, and with a restricted key only those the TPM made', async () => {
    const message = new Uint8Array(randomBytes(5000));
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const { digest: made, ticket } = await tpm.hash('SHA-256', message);
    expect(made).toEqual(new Uint8Array(createHash('sha256').update(message).digest()));
    const signature = await tpm.sign(ak, made, { ticket });
    const key = publicKeyOf(ak.public);
    expect(key && (await verifyTpmtSignature(key, message, signature))).toBe(true);
    await expect(tpm.sign(ak, made)).rejects.toMatchObject({ code: 'ERR_TPM_RESPONSE' });
    // Data that looks like an attestation gets no ticket.
    const forged = await tpm.hash('SHA-256', fromHex('ff54434780180000'));
    await expect(tpm.sign(ak, forged.digest, { ticket: forged.ticket })).rejects.toMatchObject({
      code: 'ERR_TPM_RESPONSE',
    });
    await using tls = await createAndLoad('P-256');
    const free = await tpm.sign(tls, made, { scheme: ECDSA_256 });
    expect(free.scheme).toBe('ECDSA');
    expect(await loaded()).toHaveLength(3);
  });

  test('time is attested', async () => {
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const { attest, signature } = await tpm.getTime(ak, { qualifyingData: encodeUtf8('now') });
    const decoded = decodeTpmsAttest(attest);
    expect(decoded).toMatchObject({ type: 'time', extraData: encodeUtf8('now') });
    const key = publicKeyOf(ak.public);
    expect(key && (await verifyTpmtSignature(key, attest, decodeTpmtSignature(signature)))).toBe(
      true,
    );
  });

  test('nothing is left loaded by all of this', async () => {
    expect(await loaded()).toEqual([srk.handle]);
  });
});
