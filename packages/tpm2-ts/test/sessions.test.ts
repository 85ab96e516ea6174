import { encodeUtf8, fromHex } from '@cmc/bytes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hierarchyEntity,
  isTpmResponse,
  type Session,
  TPM_CC,
  type Tpm,
  type TpmObject,
} from '../src/index.ts';
import { TPMA_OBJECT, type TpmtPublic } from '../src/verify/index.ts';
import { isSwtpmMissing } from './support/swtpm.ts';
import { openTestTpm, type TestTpm } from './support/test-tpm.ts';

const PROTECTED: readonly ['AES-128-CFB' | 'AES-256-CFB' | 'XOR', boolean][] = [
  ['AES-128-CFB', true],
  ['AES-256-CFB', false],
  ['XOR', true],
];

/** Template of sealed data whose wrong passwords do not lock the TPM. */
function sealTemplate(authPolicy: Uint8Array = new Uint8Array()): TpmtPublic {
  const byPassword = authPolicy.length === 0 ? TPMA_OBJECT.userWithAuth : 0;
  const attributes = TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.noDA | byPassword;
  const unique = new Uint8Array();
  return { type: 'KEYEDHASH', nameAlg: 'SHA-256', attributes, authPolicy, unique };
}

describe.skipIf(isSwtpmMissing)('sealed data, sessions and policies', () => {
  let world: TestTpm;
  let tpm: Tpm;
  let srk: TpmObject;
  let loaded: TestTpm['loaded'];
  beforeAll(async () => {
    world = await openTestTpm();
    ({ tpm, srk, loaded } = world);
  });
  afterAll(async () => await world?.[Symbol.asyncDispose]());

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

  test('PolicySecret proves the password of a hierarchy', async () => {
    await using session = await tpm.startSession({ type: 'policy' });
    await session.policySecret(hierarchyEntity('endorsement'));
    expect(await session.policyDigest()).toEqual(
      fromHex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'),
    );
  });

  test('nothing is left loaded by all of this', async () => {
    expect(await loaded()).toEqual([srk.handle]);
  });
});
