import { randomBytes } from 'node:crypto';
import { encodeUtf8, equalBytes } from '@cmc/bytes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  isTpmResponse,
  storageKeyTemplate,
  TPM_HT,
  TPMA_NV,
  type Tpm,
  TpmError,
  type TpmObject,
} from '../src/index.ts';
import { digest, makeCredential, TPMA_OBJECT } from '../src/verify/index.ts';
import { isSwtpmMissing } from './support/swtpm.ts';
import { ECDSA_256, openTestTpm, type TestTpm } from './support/test-tpm.ts';

describe.skipIf(isSwtpmMissing)('commands', () => {
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

  test('nothing is left loaded by all of this', async () => {
    expect(await loaded()).toEqual([srk.handle]);
  });
});
