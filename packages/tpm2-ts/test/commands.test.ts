import { createHash, randomBytes } from 'node:crypto';
import { encodeUtf8, equalBytes, fromHex } from '@cmc/bytes';
import { flipEachByte } from '@cmc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hierarchyEntity,
  isTpmResponse,
  keyTemplate,
  type Session,
  storageKeyTemplate,
  TPM_CC,
  TPM_HT,
  TPMA_NV,
  type Tpm,
  TpmError,
  type TpmObject,
} from '../src/index.ts';
import {
  type CurveName,
  decodeTpmsAttest,
  decodeTpmtSignature,
  digest,
  makeCredential,
  publicKeyOf,
  TPMA_OBJECT,
  type TpmtPublic,
  type TpmtScheme,
  verifyCertify,
  verifyCreation,
  verifyQuote,
  verifyTpmtSignature,
} from '../src/verify/index.ts';
import { isSwtpmMissing, type Swtpm, startSwtpm } from './support/swtpm.ts';

const ECDSA_256: TpmtScheme = { scheme: 'ECDSA', hash: 'SHA-256' };

describe.skipIf(isSwtpmMissing)('commands', () => {
  let swtpm: Swtpm;
  let tpm: Tpm;
  let srk: TpmObject;

  beforeAll(async () => {
    swtpm = await startSwtpm();
    tpm = await swtpm.open();
    srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
  });
  afterAll(async () => {
    await tpm?.close();
    await swtpm?.[Symbol.asyncDispose]();
  });

  /** Template of sealed data whose wrong passwords do not lock the TPM. */
  function sealTemplate(authPolicy: Uint8Array = new Uint8Array()): TpmtPublic {
    const byPassword = authPolicy.length === 0 ? TPMA_OBJECT.userWithAuth : 0;
    const attributes =
      TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.noDA | byPassword;
    const unique = new Uint8Array();
    return { type: 'KEYEDHASH', nameAlg: 'SHA-256', attributes, authPolicy, unique };
  }

  async function createAndLoad(
    key: CurveName | 2048,
    scheme?: TpmtScheme,
    restricted = scheme !== undefined,
  ): Promise<TpmObject & { creation: Awaited<ReturnType<Tpm['create']>> }> {
    const template = keyTemplate({ key, restricted, ...(scheme === undefined ? {} : { scheme }) });
    const creation = await tpm.create(srk, { template });
    return Object.assign(await tpm.load(srk, creation), { creation });
  }

  async function transients(): Promise<number> {
    return (await tpm.capabilities.handles(TPM_HT.TRANSIENT)).length;
  }

  test('startup a second time is refused by name', async () => {
    const error = await tpm.startup().catch((caught: unknown) => caught);
    expect(isTpmResponse(error, 'INITIALIZE')).toBe(true);
  });

  test('capabilities: banks, properties, handles and who made it', async () => {
    const banks = await tpm.capabilities.pcrBanks();
    expect(banks.map(({ bank }) => bank)).toContain('SHA-256');
    expect(banks[0]?.pcrs).toHaveLength(24);
    const info = await tpm.capabilities.info();
    expect(info.manufacturer).toBe('IBM');
    expect(info.vendor).toContain('SW');
    expect(await tpm.capabilities.handles(TPM_HT.TRANSIENT)).toEqual([srk.handle]);
  });

  test('random bytes: as many as asked, never the same', async () => {
    const first = await tpm.getRandom(100);
    expect(first).toHaveLength(100);
    expect(equalBytes(first, await tpm.getRandom(100))).toBe(false);
  });

  test('PCRs are read, extended, measured and reset', async () => {
    const before = await tpm.pcrs.read('SHA-256', [16, 0, 23, 10, 1, 2, 3, 4, 5, 6, 7]);
    expect([...before.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 10, 16, 23]);
    await tpm.pcrs.reset(16);
    const event = digest('SHA-256', encodeUtf8('event'));
    await tpm.pcrs.extend(16, new Map([['SHA-256', event]]));
    const after = await tpm.pcrs.read('SHA-256', [16]);
    expect(after.get(16)).toEqual(digest('SHA-256', new Uint8Array(32), event));
    const digests = await tpm.pcrs.event(16, encodeUtf8('event'));
    expect(digests.get('SHA-256')).toEqual(event);
    await expect(tpm.pcrs.extend(16, new Map([['SHA-256', new Uint8Array(20)]]))).rejects.toThrow(
      RangeError,
    );
    await tpm.pcrs.reset(16);
    expect((await tpm.pcrs.read('SHA-256', [16])).get(16)).toEqual(new Uint8Array(32));
  });

  const KEYS: readonly [CurveName | 2048, TpmtScheme][] = [
    ['P-256', ECDSA_256],
    ['P-384', { scheme: 'ECDSA', hash: 'SHA-384' }],
    ['P-521', { scheme: 'ECDSA', hash: 'SHA-512' }],
    [2048, { scheme: 'RSASSA', hash: 'SHA-256' }],
    [2048, { scheme: 'RSAPSS', hash: 'SHA-256' }],
  ];
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
    expect(await transients()).toBe(3);
  });

  test('seals and unseals under a password and under a PCR policy', async () => {
    const data = encodeUtf8('sealed');
    const password = encodeUtf8('password');
    const byPassword = await tpm.create(srk, { template: sealTemplate(), password, data });
    await using sealed = await tpm.load(srk, byPassword);
    expect(await tpm.unseal(sealed, { auth: { password } })).toEqual(data);
    await expect(tpm.unseal(sealed, { auth: { password: encodeUtf8('wrong') } })).rejects.toSatisfy(
      (error) => isTpmResponse(error, 'BAD_AUTH'),
    );

    const pcrs = [{ bank: 'SHA-256', pcrs: [16] }] as const;
    await using trial = await tpm.startSession({ type: 'trial' });
    await trial.policyPcr(pcrs);
    await trial.policyCommandCode(TPM_CC.Unseal);
    const authPolicy = await trial.policyDigest();
    const byPolicy = await tpm.create(srk, { template: sealTemplate(authPolicy), data });
    await sealed.flush();
    await using bound = await tpm.load(srk, byPolicy);
    await using session = await tpm.startSession({ type: 'policy' });
    await session.policyPcr(pcrs);
    await session.policyCommandCode(TPM_CC.Unseal);
    expect(await tpm.unseal(bound, { auth: { session } })).toEqual(data);
    await tpm.pcrs.event(16, encodeUtf8('changed'));
    await session.policyPcr(pcrs);
    await session.policyCommandCode(TPM_CC.Unseal);
    await expect(tpm.unseal(bound, { auth: { session } })).rejects.toSatisfy((error) =>
      isTpmResponse(error, 'POLICY_FAIL'),
    );
  });

  const PROTECTED: readonly ['AES-128-CFB' | 'AES-256-CFB' | 'XOR', boolean][] = [
    ['AES-128-CFB', true],
    ['AES-256-CFB', false],
    ['XOR', true],
  ];
  test.each(PROTECTED)(
    'HMAC sessions prove passwords and encrypt parameters (%s, salted: %s)',
    async (encryption, salted) => {
      const password = encodeUtf8('pass\0'); // a zero at the end does not count
      const data = encodeUtf8('under encryption');
      const salt = salted ? { saltKey: srk } : {};
      await using session = await tpm.startSession({ type: 'hmac', encryption, ...salt });
      const created = await tpm.create(srk, {
        template: sealTemplate(),
        password,
        data,
        protection: session,
      });
      await using sealed = await tpm.load(srk, created, { auth: { session } });
      expect(await tpm.unseal(sealed, { auth: { session, password } })).toEqual(data);
      expect(await tpm.unseal(sealed, { auth: { password }, protection: session })).toEqual(data);
      await using second = await tpm.startSession({ type: 'hmac', hash: 'SHA-384' });
      const both = { auth: { session: second, password }, protection: session };
      expect(await tpm.unseal(sealed, both)).toEqual(data);
      await expect(
        tpm.unseal(sealed, { auth: { session, password: encodeUtf8('wrong') } }),
      ).rejects.toSatisfy((error) => isTpmResponse(error, 'BAD_AUTH'));
      expect(await tpm.getRandom(8, { protection: session })).toHaveLength(8);
    },
  );

  test('PolicyAuthValue proves the password in a policy session', async () => {
    const password = encodeUtf8('secret');
    await using trial = await tpm.startSession({ type: 'trial' });
    await trial.policyAuthValue();
    const created = await tpm.create(srk, {
      template: sealTemplate(await trial.policyDigest()),
      password,
      data: encodeUtf8('x'),
    });
    await using sealed = await tpm.load(srk, created);
    const unsealWith = async (session: Session, given: Uint8Array): Promise<Uint8Array> => {
      await session.policyAuthValue();
      return await tpm.unseal(sealed, { auth: { session, password: given } });
    };
    await using session = await tpm.startSession({ type: 'policy', saltKey: srk });
    expect(await unsealWith(session, password)).toEqual(encodeUtf8('x'));
    expect(await unsealWith(session, password)).toEqual(encodeUtf8('x'));
    await expect(unsealWith(session, encodeUtf8('other'))).rejects.toMatchObject({
      code: 'ERR_TPM_RESPONSE',
    });
  });

  test('NV indices are defined, written and read in pieces, and undefined', async () => {
    const index = 0x0150_0001;
    const password = encodeUtf8('nv');
    const data = new Uint8Array(randomBytes(1300));
    await tpm.nv.define(index, data.length, { password });
    await tpm.nv.write(index, data, { auth: { password } });
    expect((await tpm.nv.readPublic(index)).attributes & TPMA_NV.WRITTEN).toBe(TPMA_NV.WRITTEN);
    expect(await tpm.nv.read(index, { auth: { password } })).toEqual(data);
    expect(await tpm.nv.read(index, { by: 'owner' })).toEqual(data);
    await using session = await tpm.startSession({ type: 'hmac', encryption: 'AES-128-CFB' });
    expect(await tpm.nv.read(index, { auth: { session, password } })).toEqual(data);
    await tpm.nv.undefine(index);
    await expect(tpm.nv.readPublic(index)).rejects.toSatisfy((error) =>
      isTpmResponse(error, 'HANDLE'),
    );
  });

  test('objects become persistent and are evicted', async () => {
    const handle = 0x8100_0010;
    await using key = await createAndLoad('P-256');
    await tpm.evictControl('owner', key, handle);
    const persistent = await tpm.openPersistent(handle);
    expect(persistent.name).toEqual(key.name);
    expect(await tpm.capabilities.handles(TPM_HT.PERSISTENT)).toContain(handle);
    await tpm.evictControl('owner', persistent, handle);
    await expect(tpm.openPersistent(handle)).rejects.toBeInstanceOf(TpmError);
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

  test('credentials of the TPM and of software open under the storage key of each type', async () => {
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const secret = new Uint8Array(randomBytes(32));
    const parents = [
      storageKeyTemplate('P-256'),
      storageKeyTemplate('P-384'),
      storageKeyTemplate(),
    ];
    for (const template of parents) {
      await using ek = await tpm.createPrimary('endorsement', { template });
      const ofTpm = await tpm.makeCredential(ek, ak.name, secret);
      expect(await tpm.activateCredential(ak, ek, ofTpm)).toEqual(secret);
      const ofSoftware = await makeCredential({ ek: ek.public, name: ak.name, credential: secret });
      expect(await tpm.activateCredential(ak, ek, ofSoftware)).toEqual(secret);
      const ofOther = await makeCredential({ ek: ek.public, name: srk.name, credential: secret });
      await expect(tpm.activateCredential(ak, ek, ofOther)).rejects.toSatisfy((error) =>
        isTpmResponse(error, 'INTEGRITY'),
      );
    }
  });

  test('a public key of elsewhere is loaded', async () => {
    await using ak = await createAndLoad('P-256', ECDSA_256);
    const { public: area } = ak;
    const attributes = TPMA_OBJECT.sign | TPMA_OBJECT.userWithAuth;
    await using external = await tpm.loadExternal({ ...area, attributes });
    expect(external.public.attributes).toBe(attributes);
  });

  test('PolicySecret proves the password of a hierarchy', async () => {
    await using session = await tpm.startSession({ type: 'policy' });
    await session.policySecret(hierarchyEntity('endorsement'));
    expect(await session.policyDigest()).toEqual(
      fromHex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'),
    );
  });

  test('nothing is left loaded by all of this', async () => {
    expect(await transients()).toBe(1);
    expect(await tpm.capabilities.handles(TPM_HT.LOADED_SESSION)).toEqual([]);
  });
});
