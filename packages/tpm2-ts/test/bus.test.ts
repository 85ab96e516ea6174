import { randomBytes } from 'node:crypto';
import { ByteWriter, toHex } from '@cmc/bytes';
import type { TapOptions } from '@cmc/testkit';
import { describe, expect, test } from 'vitest';
import {
  activateCredential,
  isTpmResponse,
  openEndorsementKey,
  type Session,
  startEkSession,
  storageKeyTemplate,
  TPM_CC,
  TPM_HT,
  type TpmError,
  type TpmObject,
} from '../src/index.ts';
import { type EkTemplate, ekTemplate, makeCredential, TPMA_OBJECT } from '../src/verify/index.ts';
import { loadAk } from './support/attestation-key.ts';
import { openTapped, type TappedTpm } from './support/bus.ts';
import { isSwtpmMissing, startSwtpm } from './support/swtpm.ts';

/** Of a command's first handle. */
const HANDLE_AT = 10;

describe.skipIf(isSwtpmMissing)('the secret of a credential on the bus', () => {
  const SECRET = new Uint8Array(randomBytes(32));
  const CIPHERS: readonly (readonly [EkTemplate['id'], number])[] = [
    ['L-1', 128],
    ['L-2', 128],
    ['H-3', 256],
  ];
  /** TPMT_SYM_DEF as TPM2_StartAuthSession carries it: AES, key bits, CFB. */
  const symmetric = (bits: number): Uint8Array =>
    new ByteWriter().u16(0x0006).u16(bits).u16(0x0043).finish();

  /** A TPM that refuses sessions with a cipher. */
  const withoutEncryption = (bits: number, rc: number): TapOptions => ({
    answer: (code, command) =>
      code === TPM_CC.StartAuthSession && toHex(command).includes(toHex(symmetric(bits)))
        ? new ByteWriter().u16(0x8001).u32(10).u32(rc).finish()
        : undefined,
  });

  async function withCredential<T>(
    id: EkTemplate['id'],
    options: TapOptions,
    work: (
      bus: TappedTpm,
      ...rest: readonly [TpmObject, TpmObject, Awaited<ReturnType<typeof makeCredential>>]
    ) => Promise<T>,
  ): Promise<T> {
    await using swtpm = await startSwtpm();
    const bus = await openTapped(swtpm, options);
    await using tpm = bus.tpm;
    await using ak = await loadAk(tpm);
    await using ek = await openEndorsementKey(tpm, ekTemplate(id));
    const credential = await makeCredential({ ek: ek.public, name: ak.name, credential: SECRET });
    return await work(bus, ak, ek, credential);
  }

  test.each(CIPHERS)('with key %s, is encrypted by AES-%i-CFB, under a salt', async (id, bits) => {
    await withCredential(id, {}, async ({ tpm, saw, sent }, ak, ek, credential) => {
      expect(await activateCredential(tpm, ak, ek, credential)).toEqual(SECRET);
      expect(sent(TPM_CC.ActivateCredential)).toHaveLength(1);
      expect(saw(SECRET)).toBe(false);
      const [start = new Uint8Array()] = sent(TPM_CC.StartAuthSession);
      expect(toHex(start)).toContain(toHex(symmetric(bits)));
      // Without a salt for a key of the TPM, whoever saw the nonces could decrypt.
      expect(new DataView(start.buffer, start.byteOffset).getUint32(HANDLE_AT)).toBe(ek.handle);
      // Without encryption it is there.
      await using session = await startEkSession(tpm, ek);
      await tpm.activateCredential(ak, ek, credential, { ekAuth: { session } });
      expect(saw(SECRET)).toBe(true);
    });
  });

  test.each([
    ['SYMMETRIC', 0x3d6],
    ['VALUE', 0x3c4],
    ['ATTRIBUTES', 0x182],
  ])(
    'does not cross a TPM that refuses to encrypt (%s), unless the caller is told',
    async (name, rc) => {
      const tap = withoutEncryption(128, rc);
      await withCredential('L-1', tap, async ({ tpm, saw, sent }, ak, ek, credential) => {
        await expect(activateCredential(tpm, ak, ek, credential)).rejects.toSatisfy((error) =>
          isTpmResponse(error, name),
        );
        const onUnencrypted = (refusal: TpmError): never => {
          throw new Error('not like this', { cause: refusal });
        };
        await expect(
          activateCredential(tpm, ak, ek, credential, { onUnencrypted }),
        ).rejects.toThrow('not like this');
        expect(sent(TPM_CC.ActivateCredential)).toEqual([]);
        const refusals: (string | undefined)[] = [];
        const opened = await activateCredential(tpm, ak, ek, credential, {
          onUnencrypted: ({ response }) => refusals.push(response?.name),
        });
        expect(opened).toEqual(SECRET);
        expect(refusals).toEqual([name]);
        expect(saw(SECRET)).toBe(true);
        expect(await tpm.capabilities.handles(TPM_HT.LOADED_SESSION)).toEqual([]);
      });
    },
  );

  test('does not cross it either when the session fails for another reason', async () => {
    // TPM_RC_SESSION_HANDLES: there may be room in a moment.
    const tap = withoutEncryption(128, 0x905);
    await withCredential('L-1', tap, async ({ tpm, sent }, ak, ek, credential) => {
      const onUnencrypted = (): void => {};
      await expect(
        activateCredential(tpm, ak, ek, credential, { onUnencrypted }),
      ).rejects.toSatisfy((error) => isTpmResponse(error, 'SESSION_HANDLES'));
      expect(sent(TPM_CC.ActivateCredential)).toEqual([]);
    });
  });

  test('cannot be replaced: an answer that somebody changed is refused', async () => {
    for (const at of [20, -1]) {
      const change: TapOptions['change'] = (code, response) => {
        const index = at < 0 ? response.length + at : at;
        return code === TPM_CC.ActivateCredential
          ? response.map((byte, each) => (each === index ? byte ^ 1 : byte))
          : response;
      };
      await withCredential('L-1', { change }, async ({ tpm }, ak, ek, credential) => {
        await expect(activateCredential(tpm, ak, ek, credential)).rejects.toMatchObject({
          code: 'ERR_TPM_SESSION',
        });
      });
    }
  });
});

describe.skipIf(isSwtpmMissing)('sealed data and its password on the bus', () => {
  const DATA = new Uint8Array(randomBytes(24));
  const PASSWORD = new Uint8Array(randomBytes(16));
  const template = {
    type: 'KEYEDHASH',
    nameAlg: 'SHA-256',
    attributes: TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.userWithAuth,
    authPolicy: new Uint8Array(),
    unique: new Uint8Array(),
  } as const;

  test.each([true, false])('are hidden by a session that encrypts: %s', async (isHidden) => {
    await using swtpm = await startSwtpm();
    const { tpm, saw } = await openTapped(swtpm);
    await using _ = tpm;
    await using srk = await tpm.createPrimary('owner', { template: storageKeyTemplate() });
    await using session = await tpm.startSession({
      type: 'hmac',
      ...(isHidden ? { saltKey: srk, encryption: 'AES-128-CFB' } : {}),
    });
    const protection: { readonly protection?: Session } = isHidden ? { protection: session } : {};
    const created = await tpm.create(srk, {
      template,
      password: PASSWORD,
      data: DATA,
      ...protection,
    });
    expect([saw(DATA), saw(PASSWORD)]).toEqual([!isHidden, !isHidden]);
    await using sealed = await tpm.load(srk, created);
    const auth = { session, password: PASSWORD };
    expect(await tpm.unseal(sealed, { auth })).toEqual(DATA);
    expect([saw(DATA), saw(PASSWORD)]).toEqual([!isHidden, !isHidden]);
  });
});
