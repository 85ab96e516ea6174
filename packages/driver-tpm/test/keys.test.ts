import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { CmcError, encodeUtf8 } from '@cmc/bytes';
import { flipEachByte, isMissing, prefixes } from '@cmc/testkit';
import { isTpmResponse, keyTemplate, TPM_HT } from 'tpm2-ts';
import { verifyCertify, verifyCreation } from 'tpm2-ts/verify';
import { describe, expect, test } from 'vitest';
import {
  type AttestationKeyEndorser,
  decodeKeyBlob,
  encodeKeyBlob,
  type KeyBlob,
  type TlsKeyAlgorithm,
} from '../src/index.ts';
import { createMachine, endorse, type Machine } from './support/machine.ts';

const isSwtpmMissing = isMissing('swtpm');
const MESSAGE = encodeUtf8('what is signed');
const KEY = 'tpm_ak_encrypted.json';
const CHAIN = 'tpm_ak_chain.pem';

const pathOf = (machine: Machine, name: string): string => join(machine.folder, 'storage', name);
const stored = (machine: Machine): KeyBlob =>
  decodeKeyBlob(new Uint8Array(readFileSync(pathOf(machine, KEY))));

describe.skipIf(isSwtpmMissing)('the attestation key', () => {
  test('says of itself that the TPM created it, restricted', async () => {
    await using machine = await createMachine();
    await machine.driver().prepare();
    const { publicArea, creationData, attestation, signature } = stored(machine);
    const { ok, checks } = await verifyCreation({
      attest: attestation,
      signature,
      key: { publicArea },
      object: publicArea,
      creationData,
      qualifyingData: new Uint8Array(),
    });
    expect(ok, JSON.stringify(checks.filter((each) => !each.ok))).toBe(true);
    expect(statSync(pathOf(machine, KEY)).mode & 0o777).toBe(0o600);
    expect(statSync(pathOf(machine, CHAIN)).mode & 0o777).toBe(0o644);
  });

  test('is kept, with its certificates, by the next process and after a reboot', async () => {
    await using machine = await createMachine();
    const first = await machine.driver().prepare();
    await machine.swtpm.reboot();
    const next = await machine.driver().prepare();
    expect(next.collateral[0]?.certs).toEqual(first.collateral[0]?.certs);
    expect(machine.endorsed()).toBe(1);
  });

  test('is made anew when it is of another TPM, or of another kind than configured', async () => {
    await using one = await createMachine();
    await using other = await createMachine();
    await one.driver().prepare();
    const storage = join(one.folder, 'storage');
    const { measure } = await other.driver({ storage }).prepare();
    await expect(measure(new Uint8Array(32))).resolves.toHaveLength(1);
    expect(other.endorsed()).toBe(1);
    await other.driver({ storage, keyAlgorithm: 'RSA2048' }).prepare();
    expect(other.endorsed()).toBe(2);
  });

  test('gets another certificate when its own has expired', async () => {
    await using machine = await createMachine();
    await machine.driver().prepare();
    await machine.driver({ now: () => new Date('2199-01-01') }).prepare();
    expect(machine.endorsed()).toBe(2);
  });

  test('gets another certificate in time, while reports go on with the one that is there', async () => {
    await using machine = await createMachine();
    let [now, fails] = [new Date(), false];
    const endorser: AttestationKeyEndorser = {
      endorse: async ({ signer }) => {
        if (fails) throw new CmcError('ERR_TEST', 'no answer');
        return await endorse(machine.ca, signer.publicKey);
      },
    };
    const driver = machine.driver({ endorser, now: () => now });
    const leafOf = async (): Promise<Uint8Array | undefined> =>
      (await driver.prepare()).collateral[0]?.certs?.[0];
    const first = await leafOf();
    expect(await leafOf()).toEqual(first);
    const { notBefore, notAfter } = parseCertificate(first ?? new Uint8Array());
    now = new Date(notBefore.getTime() + 0.9 * (notAfter.getTime() - notBefore.getTime()));
    fails = true;
    expect(await leafOf()).toEqual(first);
    fails = false;
    // Not at once again: only after a pause.
    expect(await leafOf()).toEqual(first);
    now = new Date(now.getTime() + 20 * 60_000);
    expect(await leafOf()).toEqual(first);
    await expect.poll(leafOf, { timeout: 5_000 }).not.toEqual(first);
  });

  test('gets other certificates by updateCerts(), keeps its own when nobody gives any, and stays the same', async () => {
    await using machine = await createMachine();
    const driver = machine.driver();
    const before = await driver.prepare();
    const { publicArea } = stored(machine);
    await driver.updateCerts();
    const after = await driver.prepare();
    expect(stored(machine).publicArea).toEqual(publicArea);
    expect(after.collateral[0]?.certs?.[0]).not.toEqual(before.collateral[0]?.certs?.[0]);
    // A snapshot from before can still be quoted.
    await expect(before.measure(new Uint8Array(32))).resolves.toHaveLength(1);

    const refusing: AttestationKeyEndorser = {
      endorse: async () => {
        throw new CmcError('ERR_TEST', 'refused');
      },
    };
    const other = machine.driver({ endorser: refusing });
    await expect(other.updateCerts()).rejects.toMatchObject({ code: 'ERR_TEST' });
    const kept = await other.prepare();
    expect(kept.collateral[0]?.certs).toEqual(after.collateral[0]?.certs);
  });

  test('whose certificate had not come is certified later, not another one', async () => {
    await using machine = await createMachine();
    const asked: string[] = [];
    const endorserOf = (fails: boolean): AttestationKeyEndorser => ({
      endorse: async ({ signer }) => {
        asked.push(Buffer.from(signer.publicKey).toString('hex'));
        if (fails) throw new CmcError('ERR_TEST', 'no answer');
        return await endorse(machine.ca, signer.publicKey);
      },
    });
    const first = machine.driver({ endorser: endorserOf(true) });
    await expect(first.prepare()).rejects.toMatchObject({ code: 'ERR_TEST' });
    await machine.driver({ endorser: endorserOf(false) }).prepare();
    expect(asked).toHaveLength(2);
    expect(asked[0]).toBe(asked[1]);
  });

  test('and its certificates fit each other wherever a crash interrupts their replacement', async () => {
    await using machine = await createMachine();
    const driver = machine.driver();
    await driver.prepare();
    const oldChain = readFileSync(pathOf(machine, CHAIN));
    await driver.updateCerts();
    const newChain = readFileSync(pathOf(machine, CHAIN));
    // Killed between renaming the key and renaming its certificates.
    renameSync(pathOf(machine, CHAIN), pathOf(machine, 'tpm_ak_next.pem'));
    writeFileSync(pathOf(machine, CHAIN), oldChain);
    await machine.driver().prepare();
    expect(machine.endorsed()).toBe(2);
    expect(readFileSync(pathOf(machine, CHAIN))).toEqual(newChain);
    expect(existsSync(pathOf(machine, 'tpm_ak_next.pem'))).toBe(false);
    // Killed before renaming the key: certificates of a key that is not in use.
    writeFileSync(pathOf(machine, 'tpm_ak_next.pem'), oldChain);
    await machine.driver().prepare();
    expect(machine.endorsed()).toBe(2);
  });

  test('does not take certificates for another key', async () => {
    await using machine = await createMachine();
    const endorser: AttestationKeyEndorser = {
      endorse: async () => (await machine.ca.issue()).chain,
    };
    await expect(machine.driver({ endorser }).prepare()).rejects.toMatchObject({
      code: 'ERR_TPM_DRIVER_CERTIFICATE',
    });
    expect(existsSync(pathOf(machine, KEY))).toBe(false);
  });

  test('signs messages, and no digests', async () => {
    await using machine = await createMachine();
    let checked = false;
    const endorser: AttestationKeyEndorser = {
      endorse: async ({ signer }) => {
        const signature = await signer.signMessage?.(MESSAGE, 'ES256');
        const key = publicKeyOf(signer.publicKey);
        const input = { key, dsaEncoding: 'ieee-p1363' } as const;
        checked = verify('sha256', MESSAGE, input, signature ?? new Uint8Array());
        const digest = createHash('sha256').update(MESSAGE).digest();
        await expect(signer.signDigest(digest, 'ES256')).rejects.toMatchObject({
          code: 'ERR_TPM_DRIVER_RESTRICTED',
        });
        return await endorse(machine.ca, signer.publicKey);
      },
    };
    await machine.driver({ endorser }).prepare();
    expect(checked).toBe(true);
  });
});

function publicKeyOf(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
}

/** Asks the TPM itself, not the driver. */
async function hasRsa4096(machine: Machine): Promise<boolean> {
  await using tpm = await machine.open();
  try {
    await using _ = await tpm.createPrimary('null', { template: keyTemplate({ key: 4096 }) });
    return true;
  } catch (error) {
    if (isTpmResponse(error, 'VALUE')) return false;
    throw error;
  }
}

describe.skipIf(isSwtpmMissing)('TLS keys', () => {
  test.each<
    [
      TlsKeyAlgorithm,
      readonly ('ES256' | 'ES384' | 'ES512' | 'RS256' | 'RS512' | 'PS256' | 'PS384')[],
    ]
  >([
    ['EC256', ['ES256']],
    ['EC384', ['ES384']],
    ['EC521', ['ES512']],
    ['RSA2048', ['RS256', 'RS512', 'PS256', 'PS384']],
  ])('of %s are certified by the attestation key, and sign with %s', async (alg, algorithms) => {
    await using machine = await createMachine();
    const { tlsKeys } = machine.driver();
    const blob = decodeKeyBlob(encodeKeyBlob(await tlsKeys.create(alg)));
    const { key, attestationKey } = await tlsKeys.certify(blob);
    const { ok, checks } = await verifyCertify({
      attest: key.attestation,
      signature: key.signature,
      key: { publicArea: attestationKey.publicArea },
      object: key.publicArea,
      qualifyingData: new Uint8Array(),
    });
    expect(ok, JSON.stringify(checks.filter((each) => !each.ok))).toBe(true);

    const signer = tlsKeys.signer(blob);
    const publicKey = publicKeyOf(signer.publicKey);
    for (const algorithm of algorithms) {
      const hash = `sha${algorithm.slice(2)}`;
      const input = {
        key: publicKey,
        ...(algorithm.startsWith('ES') ? { dsaEncoding: 'ieee-p1363' as const } : {}),
        ...(algorithm.startsWith('PS')
          ? {
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
            }
          : {}),
      };
      const digest = new Uint8Array(createHash(hash).update(MESSAGE).digest());
      const signature = await signer.signDigest(digest, algorithm);
      expect(verify(hash, MESSAGE, input, signature), algorithm).toBe(true);
      const ofMessage = (await signer.signMessage?.(MESSAGE, algorithm)) ?? new Uint8Array();
      expect(verify(hash, MESSAGE, input, ofMessage), algorithm).toBe(true);
      await expect(signer.signDigest(digest.subarray(1), algorithm)).rejects.toThrow(RangeError);
    }
    const other = alg === 'EC256' ? 'ES384' : 'ES256';
    await expect(signer.signDigest(new Uint8Array(48), other)).rejects.toThrow(RangeError);
  });

  test('of RSA4096 sign, or are refused by name where the TPM has none, and leave nothing loaded', async () => {
    await using machine = await createMachine();
    const { tlsKeys } = machine.driver();
    const created = tlsKeys.create('RSA4096');
    if (await hasRsa4096(machine)) {
      const signer = tlsKeys.signer(await created);
      const publicKey = publicKeyOf(signer.publicKey);
      expect(publicKey.asymmetricKeyDetails?.modulusLength).toBe(4096);
      const signature = await signer.signMessage?.(MESSAGE, 'PS256');
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
      const key = { key: publicKey, padding, saltLength };
      expect(verify('sha256', MESSAGE, key, signature ?? new Uint8Array())).toBe(true);
    } else {
      // libtpms 0.9 has no RSA keys of more than 3072 bits.
      const response = { name: 'VALUE' };
      await expect(created).rejects.toMatchObject({ code: 'ERR_TPM_RESPONSE', response });
    }
    await using tpm = await machine.open();
    expect(await tpm.capabilities.handles(TPM_HT.TRANSIENT)).toEqual([]);
  }, 60_000);
});

describe('a stored key', () => {
  const blob: KeyBlob = {
    publicArea: Uint8Array.of(1, 2),
    privateArea: Uint8Array.of(3),
    creationData: new Uint8Array(),
    attestation: Uint8Array.of(4),
    signature: Uint8Array.of(5),
  };
  const text = encodeKeyBlob(blob);

  test('is what was written, also in the spelling of Go', () => {
    expect(decodeKeyBlob(text)).toEqual(blob);
    const go = new TextDecoder().decode(text).replace('"CreateData":""', '"CreateData":null');
    expect(go).toContain('null');
    expect(decodeKeyBlob(encodeUtf8(go))).toEqual(blob);
  });

  test('that is cut off or changed is read or refused, nothing else', () => {
    for (const bytes of prefixes(text)) {
      expect(() => decodeKeyBlob(bytes)).toThrow(
        expect.objectContaining({ code: 'ERR_TPM_DRIVER_KEY' }),
      );
    }
    for (const { bytes } of flipEachByte(text)) {
      try {
        decodeKeyBlob(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_TPM_DRIVER_KEY' });
      }
    }
  });

  test.each([
    ['no JSON', 'x'],
    ['an array', '[]'],
    ['another encoding', '{"KeyEncoding":1,"TPMVersion":2,"Public":"AQ==","KeyBlob":"AQ=="}'],
    ['no key', '{"KeyEncoding":2,"TPMVersion":2,"Public":"","KeyBlob":"AQ=="}'],
    ['a number', '{"KeyEncoding":2,"TPMVersion":2,"Public":1,"KeyBlob":"AQ=="}'],
  ])('that is %s is refused', (_, json) => {
    expect(() => decodeKeyBlob(encodeUtf8(json))).toThrow(
      expect.objectContaining({ code: 'ERR_TPM_DRIVER_KEY' }),
    );
  });
});
